"""Mouth generators of a few megabytes with the architecture of real ones, made and saved here.

What they draw is written into their weights, so that a test knows it; they go through the same
loading code as real weights.
"""

from __future__ import annotations

from pathlib import Path

# How far right and down scripted faces lie of those that were given, in pixels of the square.
SHIFT = (0.75, 0.5)


def scripted_wav2lip(folder: Path, side: int = 96, shift: tuple[float, float] = SHIFT) -> Path:
    """An ONNX file of the Wav2Lip family that gives back the face beside the masked one, shifted,
    its mouth the darker the more is heard."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def constant(name: str, values: np.ndarray) -> onnx.TensorProto:
        return numpy_helper.from_array(values, name)

    # Shifted between pixels by linear interpolation: of each channel for itself.
    across, down = ([0, 1 - part, part] for part in shift)
    kernel = np.tile(np.outer(down, across)[::-1, ::-1], (3, 1, 1, 1)).astype(np.float32)
    nodes = [
        helper.make_node("Slice", ["video_frames", "from", "to", "channels"], ["face"]),
        helper.make_node("Pad", ["face", "around"], ["padded"], mode="edge"),
        helper.make_node("Conv", ["padded", "kernel"], ["shifted"], group=3),
        helper.make_node("ReduceMean", ["mel_spectrogram", "axes"], ["loudness"], keepdims=1),
        helper.make_node("Sigmoid", ["loudness"], ["open"]),
        helper.make_node("Mul", ["open", "mouth"], ["dark"]),
        helper.make_node("Sub", ["one", "dark"], ["light"]),
        helper.make_node("Mul", ["shifted", "light"], ["drawn"]),
    ]
    float_ = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "wav2lip",
        [
            helper.make_tensor_value_info("mel_spectrogram", float_, ["n", 1, 80, 16]),
            helper.make_tensor_value_info("video_frames", float_, ["n", 6, side, side]),
        ],
        [helper.make_tensor_value_info("drawn", float_, ["n", 3, side, side])],
        [
            constant("from", np.array([3])),
            constant("to", np.array([6])),
            constant("channels", np.array([1])),
            constant("around", np.array([0, 0, 1, 1, 0, 0, 1, 1])),
            constant("kernel", kernel),
            constant("axes", np.array([1, 2, 3])),
            constant("mouth", 0.5 * mouth_in(side)[None, None]),
            constant("one", np.ones(1, np.float32)),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "wav2lip.onnx")
    return folder


def broken_wav2lip(folder: Path) -> Path:
    """An ONNX file with the family's inputs that cannot do what it says with them."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    float_ = TensorProto.FLOAT
    graph = helper.make_graph(
        [
            helper.make_node("Reshape", ["video_frames", "two"], ["drawn"]),
            helper.make_node("Identity", ["mel_spectrogram"], ["heard"]),
        ],
        "broken",
        [
            helper.make_tensor_value_info("mel_spectrogram", float_, ["n", 1, 80, 16]),
            helper.make_tensor_value_info("video_frames", float_, ["n", 6, 96, 96]),
        ],
        [
            helper.make_tensor_value_info("drawn", float_, [1, 2]),
            helper.make_tensor_value_info("heard", float_, ["n", 1, 80, 16]),
        ],
        [numpy_helper.from_array(np.array([1, 2]), "two")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "wav2lip.onnx")
    return folder


def mouth_in(side: int):
    """1 in the middle of where Wav2Lip's square shows a mouth, fading around it, [side, side]."""
    import numpy as np

    y, x = np.mgrid[:side, :side] / side
    return np.exp(-(((x - 0.5) / 0.12) ** 2) - ((y - 0.74) / 0.06) ** 2).astype(np.float32)


def scripted_wav2lip_checkpoint(folder: Path, suffix: str = ".pth") -> Path:
    """A checkpoint of Wav2Lip's true architecture that gives back the face beside the masked one,
    of less contrast: see CHECKPOINT_SLOPE."""
    import torch
    from safetensors.torch import save_file

    from dubwright.picture.torch_wav2lip import Wav2Lip

    torch.manual_seed(0)
    network = Wav2Lip()
    with torch.no_grad():
        for name, weights in network.named_parameters():
            if name.startswith("face_decoder_blocks"):
                weights.zero_()
        first = network.face_encoder_blocks[0][0].conv_block[0]
        second, third = network.output_block[0].conv_block[0], network.output_block[1]
        for layer in (first, second, third):
            layer.weight.zero_()
            layer.bias.zero_()
        for channel in range(3):
            first.weight[channel, 3 + channel, 3, 3] = 1
            # What the first layer saw comes behind the 64 channels of the last.
            second.weight[channel, 64 + channel, 1, 1] = 1
            third.weight[channel, channel, 0, 0] = CHECKPOINT_SLOPE
        third.bias.fill_(-CHECKPOINT_SLOPE / 2)
    folder.mkdir(parents=True, exist_ok=True)
    weights = network.state_dict()
    file = folder / f"wav2lip{suffix}"
    if suffix == ".safetensors":
        save_file(weights, file)
    else:
        named = {f"module.{name}": tensor for name, tensor in weights.items()}
        torch.save({"state_dict": named, "optimizer": None, "global_step": 1}, file)
    return file


# Of the sigmoid that ends the network, before it: half is half, and around it the slope is 1.
CHECKPOINT_SLOPE = 4.0


def tiny_whisper_of_musetalk(folder: Path) -> Path:
    """Whisper's encoder of four layers with random weights, as transformers keeps it."""
    import torch
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel

    torch.manual_seed(0)
    config = WhisperConfig(
        d_model=16, encoder_layers=4, encoder_attention_heads=2, encoder_ffn_dim=16,
        decoder_layers=1, decoder_attention_heads=2, decoder_ffn_dim=16,
        max_source_positions=200, num_mel_bins=80, vocab_size=64, init_std=0.3,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
    )  # fmt: skip
    WhisperModel(config).save_pretrained(folder)
    WhisperFeatureExtractor(chunk_length=4).save_pretrained(folder)
    return folder


def tiny_autoencoder(folder: Path) -> Path:
    """Stable Diffusion's autoencoder with random weights: eight pixels along a latent."""
    import torch
    from diffusers import AutoencoderKL

    torch.manual_seed(0)
    network = AutoencoderKL(
        block_out_channels=(8, 8, 8, 8), norm_num_groups=4, layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4, scaling_factor=0.18215,
    )  # fmt: skip
    network.save_pretrained(folder)
    return folder


def tiny_musetalk(folder: Path, suffix: str = ".pth") -> Path:
    """MuseTalk's networks with random weights, in the folders of its own program."""
    import json

    import torch
    from diffusers import UNet2DConditionModel
    from safetensors.torch import save_file

    tiny_whisper_of_musetalk(folder / "whisper")
    tiny_autoencoder(folder / "sd-vae")
    config = {
        "sample_size": 32, "in_channels": 8, "out_channels": 4, "cross_attention_dim": 16,
        "block_out_channels": [8, 8], "layers_per_block": 1, "attention_head_dim": 2,
        "norm_num_groups": 4,
        "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    }  # fmt: skip
    torch.manual_seed(0)
    weights = UNet2DConditionModel(**config).state_dict()
    (folder / "musetalkV15").mkdir()
    (folder / "musetalkV15/musetalk.json").write_text(json.dumps(config))
    file = folder / f"musetalkV15/unet{suffix}"
    if suffix == ".safetensors":
        save_file(weights, file)
    else:
        torch.save(weights, file)
    return folder


def tiny_latentsync(folder: Path) -> Path:
    """LatentSync's networks with random weights, named as its checkpoints name them."""
    import json

    import torch
    from diffusers import UNetMotionModel

    tiny_whisper_of_musetalk(folder / "whisper")
    tiny_autoencoder(folder / "sd-vae-ft-mse")
    told = {"side": 128, "steps": 2, "channels": [8, 8], "layers": 1, "heads": 2, "groups": 4,
            "heard": 16}  # fmt: skip
    (folder / "latentsync.json").write_text(json.dumps(told))
    torch.manual_seed(0)
    network = UNetMotionModel(
        in_channels=13, out_channels=4, block_out_channels=(8, 8), layers_per_block=1,
        norm_num_groups=4, cross_attention_dim=16, num_attention_heads=2,
        motion_num_attention_heads=2, motion_max_seq_length=24, use_motion_mid_block=False,
        down_block_types=("CrossAttnDownBlockMotion", "DownBlockMotion"),
        up_block_types=("UpBlockMotion", "CrossAttnUpBlockMotion"),
    )  # fmt: skip
    weights = {}
    for name, tensor in network.state_dict().items():
        inside = "motion_modules" in name
        if inside and "transformer_blocks" in name:
            name = name.replace(".transformer_blocks.", ".temporal_transformer.transformer_blocks.")
            for ours, theirs in (
                (".attn1.", ".attention_blocks.0."), (".attn2.", ".attention_blocks.1."),
                (".norm1.", ".norms.0."), (".norm2.", ".norms.1."), (".norm3.", ".ff_norm."),
            ):  # fmt: skip
                name = name.replace(ours, theirs)
            if name.endswith(".pos_embed.pe"):
                for block in (0, 1):
                    place = f".attention_blocks.{block}.pos_encoder.pe"
                    weights[name.replace(".pos_embed.pe", place)] = tensor.clone()
                continue
        elif inside:
            for part in (".norm.", ".proj_in.", ".proj_out."):
                name = name.replace(part, f".temporal_transformer{part}")
        weights[name] = tensor
    torch.save({"global_step": 1, "state_dict": weights}, folder / "latentsync_unet.pt")
    return folder
