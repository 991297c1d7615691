"""Models of a few megabytes with the architecture of real ones, made and saved here.

What they say is written into their weights, so that a test knows it; they go through the same
loading code as real weights.
"""

from __future__ import annotations

import warnings
from pathlib import Path

WHISPER_WIDTH = 64
REFINED = 0.5
WHISPER_LINE = " hello world this is a test"
WHISPER_SECONDS = 2


def scripted_whisper(folder: Path) -> Path:
    """A .pt file as OpenAI's, that hears WHISPER_LINE in every half minute: see _script."""
    import torch

    model = _scripted()
    path = folder / "scripted.pt"
    torch.save({"dims": model.dims.__dict__, "model_state_dict": model.state_dict()}, path)
    return path


def scripted_whisper_folder(folder: Path) -> Path:
    """The same as a folder of safetensors, as Hugging Face keeps it."""
    import json

    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"model.{_hugging_face_name(name)}": tensor.contiguous()
        for name, tensor in _scripted().state_dict().items()
        if name != "alignment_heads"
    }
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "whisper"}))
    return folder


def scripted_refiner(folder: Path) -> Path:
    """What an actor's renderer learned: to make every mouth lighter, by as much."""
    from safetensors.torch import save_file

    from dubwright.picture.engines.actor import NETWORK
    from dubwright.picture.torch_refiner import Training

    weights = Training().weights
    weights["last.bias"].fill_(REFINED)
    save_file(weights, folder / NETWORK)
    return folder


def _scripted():
    import torch
    from whisper.model import ModelDimensions, Whisper
    from whisper.tokenizer import get_tokenizer

    torch.manual_seed(0)
    width = WHISPER_WIDTH
    model = Whisper(ModelDimensions(80, 1500, width, 1, 1, 51865, 448, width, 1, 1))
    with warnings.catch_warnings():
        # The library leaves the file of its tokens to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        tokens = get_tokenizer(True, num_languages=99, language="en", task="transcribe")
    first = tokens.timestamp_begin
    script = [first, *tokens.encode(WHISPER_LINE), first + WHISPER_SECONDS * 50]
    _script(model.decoder, script, tokens.eot)
    return model


def _script(decoder, script: list[int], end: int) -> None:
    """Weights with which the place alone decides what is said there: an axis for each token.

    What is heard is all but left out, yet enough of it stays for words to be placed in time.
    """
    import torch

    with torch.no_grad():
        for weights in decoder.blocks.parameters():
            weights.mul_(0.01)
        meaning, place = decoder.token_embedding.weight, decoder.positional_embedding
        meaning.mul_(0.01)
        place.zero_()
        said = [*script, *[end] * len(place)]
        axes = {token: axis for axis, token in enumerate(dict.fromkeys(said))}
        for token, axis in axes.items():
            meaning[token, axis] += 3
        # Two tokens go before: the language and the task.
        for at in range(len(place)):
            place[at, axes[said[at - 2] if at >= 2 else end]] = 50
        decoder.ln.weight.fill_(1)
        decoder.ln.bias.zero_()


def _hugging_face_name(name: str) -> str:
    for ours, theirs in (
        (".blocks.", ".layers."),
        ("cross_attn_ln.", "encoder_attn_layer_norm."),
        ("cross_attn.", "encoder_attn."),
        ("attn_ln.", "self_attn_layer_norm."),
        (".attn.", ".self_attn."),
        (".query.", ".q_proj."),
        (".key.", ".k_proj."),
        (".value.", ".v_proj."),
        (".out.", ".out_proj."),
        ("mlp_ln.", "final_layer_norm."),
        ("mlp.0.", "fc1."),
        ("mlp.2.", "fc2."),
        ("positional_embedding", "embed_positions.weight"),
        ("token_embedding.", "embed_tokens."),
        ("encoder.ln_post.", "encoder.layer_norm."),
        ("decoder.ln.", "decoder.layer_norm."),
    ):
        name = name.replace(ours, theirs)
    return name


def tiny_pieces() -> bytes:
    """A SentencePiece model of a few dozen pieces."""
    import io

    import sentencepiece

    written = io.BytesIO()
    words = [
        "good",
        "morning",
        "where",
        "is",
        "the",
        "boat",
        "buenos",
        "dias",
        "donde",
        "esta",
        "el",
        "barco",
    ]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(words)] * 5 + words),
        model_writer=written,
        vocab_size=40,
        character_coverage=1.0,
        hard_vocab_limit=False,
        minloglevel=2,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
    )
    return written.getvalue()


def tiny_marian(folder: Path, source: str = "en", target: str = "es") -> Path:
    """Marian's architecture with random weights, for one pair of languages."""
    import json

    import torch
    from transformers import MarianConfig, MarianMTModel

    folder.mkdir(parents=True, exist_ok=True)
    pieces = tiny_pieces()
    (folder / "source.spm").write_bytes(pieces)
    (folder / "target.spm").write_bytes(pieces)
    vocabulary = _vocabulary(pieces)
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {"source_lang": source, "target_lang": target, "tokenizer_class": "MarianTokenizer"}
        )
    )
    torch.manual_seed(0)
    config = MarianConfig(
        vocab_size=len(vocabulary), d_model=16, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=16,
        decoder_ffn_dim=16, max_position_embeddings=24, pad_token_id=0, eos_token_id=1,
        decoder_start_token_id=0, forced_eos_token_id=1, init_std=0.5,
    )  # fmt: skip
    MarianMTModel(config).save_pretrained(folder)
    return folder


def tiny_m2m100(folder: Path) -> Path:
    """M2M100's architecture with random weights, for its hundred languages."""
    import json

    import torch
    from transformers import M2M100Config, M2M100ForConditionalGeneration, M2M100Tokenizer

    folder.mkdir(parents=True, exist_ok=True)
    pieces = tiny_pieces()
    (folder / "sentencepiece.bpe.model").write_bytes(pieces)
    names = ["<s>", "<pad>", "</s>", "<unk>"]
    names += [piece for piece in _vocabulary(pieces) if piece not in names]
    vocabulary = {piece: number for number, piece in enumerate(names)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    tokenizer = M2M100Tokenizer(
        str(folder / "vocab.json"), str(folder / "sentencepiece.bpe.model"), language_codes="m2m100"
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = M2M100Config(
        vocab_size=max(tokenizer.lang_token_to_id.values()) + 1, d_model=16, encoder_layers=1,
        decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=16, decoder_ffn_dim=16, max_position_embeddings=24, init_std=0.5,
    )  # fmt: skip
    M2M100ForConditionalGeneration(config).save_pretrained(folder)
    return folder


def tiny_madlad(folder: Path) -> Path:
    """T5's architecture with random weights and MADLAD's tokens for languages."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    folder.mkdir(parents=True, exist_ok=True)
    pieces = [(piece, -float(number)) for piece, number in _vocabulary(tiny_pieces()).items()]
    made = Tokenizer(models.Unigram(pieces, unk_id=2))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
    tokenizer.add_tokens(["<2es>", "<2fr>", "<2en>", "<2pt_BR>"])
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(tokenizer), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2,
        decoder_start_token_id=0,
    )  # fmt: skip
    T5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


def tiny_seamless(folder: Path, version: int = 2) -> Path:
    """Seamless's architecture with random weights, for English, Spanish and French."""
    import torch
    import transformers

    folder.mkdir(parents=True, exist_ok=True)
    languages = ["__eng__", "__spa__", "__fra__"]
    names = ["<pad>", "<unk>", "<s>", "</s>", "▁", *"abcdefghijklmnopqrstuvwxyz.,?!'", *languages]
    tokenizer = transformers.SeamlessM4TTokenizer(
        vocab={name: number for number, name in enumerate(names)},
        additional_special_tokens=languages,
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    name = "SeamlessM4Tv2" if version == 2 else "SeamlessM4T"
    config = getattr(transformers, f"{name}Config")(
        vocab_size=len(tokenizer), hidden_size=16, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=16,
        decoder_ffn_dim=16, max_position_embeddings=64, speech_encoder_layers=1,
        speech_encoder_attention_heads=2, speech_encoder_intermediate_size=16,
        t2u_encoder_layers=1, t2u_decoder_layers=1, t2u_encoder_ffn_dim=16,
        t2u_decoder_ffn_dim=16, t2u_encoder_attention_heads=2, t2u_decoder_attention_heads=2,
        t2u_vocab_size=16, pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id, bos_token_id=tokenizer.bos_token_id,
        decoder_start_token_id=tokenizer.eos_token_id, initializer_range=0.5,
    )  # fmt: skip
    model = getattr(transformers, f"{name}ForTextToText")(config)
    model.generation_config = transformers.GenerationConfig(
        pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.bos_token_id, decoder_start_token_id=tokenizer.eos_token_id,
        text_decoder_lang_to_code_id={
            name.strip("_"): tokenizer.convert_tokens_to_ids(name) for name in languages
        },
    )  # fmt: skip
    model.save_pretrained(folder)
    return folder


def _vocabulary(pieces: bytes) -> dict[str, int]:
    import sentencepiece

    model = sentencepiece.SentencePieceProcessor(model_proto=pieces)
    return {model.id_to_piece(number): number for number in range(model.get_piece_size())}


def tiny_mdx_net(folder: Path, stem: str = "background", keeps: float = 0.25) -> Path:
    """An ONNX model with MDX-Net's input and output: what it gives back is what it hears, times
    `keeps`."""
    import json

    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    shape = ["n", 4, 512, 32]
    _save_onnx(
        folder,
        [helper.make_node("Mul", ["mix", "gain"], ["stem"])],
        [helper.make_tensor_value_info("mix", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("stem", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(np.float32(keeps), "gain")],
    )
    (folder / "mdx.json").write_text(json.dumps({"fft": 2048, "hop": 512, "stem": stem}))
    return folder


def tiny_demucs(folder: Path, keeps: float = 0.25, length: int | None = 20_000) -> Path:
    """An ONNX model with Demucs' input and output: its background is what it hears, times `keeps`,
    its voice the rest. Of any length where None is said."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    parts = np.float32([keeps / 2, keeps / 4, keeps / 4, 1 - keeps])[None, :, None, None]
    samples = length or "samples"
    _save_onnx(
        folder,
        [
            helper.make_node("Unsqueeze", ["mix", "axis"], ["wide"]),
            helper.make_node("Mul", ["wide", "parts"], ["stems"]),
        ],
        [helper.make_tensor_value_info("mix", TensorProto.FLOAT, [1, 2, samples])],
        [helper.make_tensor_value_info("stems", TensorProto.FLOAT, [1, 4, 2, samples])],
        [
            numpy_helper.from_array(np.array([1]), "axis"),
            numpy_helper.from_array(parts, "parts"),
        ],
    )
    return folder


def tiny_voice_embedding(folder: Path) -> Path:
    """An ONNX model with WeSpeaker's input and output: how much each band of a voice changes."""
    import json

    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    _save_onnx(
        folder,
        [helper.make_node("ReduceL2", ["feats", "frames"], ["embs"], keepdims=0)],
        [helper.make_tensor_value_info("feats", TensorProto.FLOAT, ["n", "t", 80])],
        [helper.make_tensor_value_info("embs", TensorProto.FLOAT, ["n", 80])],
        [numpy_helper.from_array(np.array([1]), "frames")],
    )
    (folder / "voices.json").write_text(json.dumps({"same_voice": 0.9}))
    return folder


def scripted_bisenet(folder: Path, hair: float = 0.0, side: int = 64) -> Path:
    """An ONNX model with BiSeNet's input and outputs: what is bluer than red is background, the
    rest skin; or hair, where `hair` is more than 0."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    scores = np.zeros((19, 3, 1, 1), np.float32)
    scores[0, :, 0, 0] = -20, 0, 20
    bias = np.full(19, -50, np.float32)
    bias[[0, 1, 17]] = -8, 0, 50 * hair - 25
    wanted = [1, 19, side, side]
    _save_onnx(
        folder,
        [
            helper.make_node("Conv", ["input", "scores", "bias"], ["output"]),
            helper.make_node("Identity", ["output"], ["auxiliary"]),
        ],
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, side, side])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, wanted)
            for name in ("output", "auxiliary")
        ],
        [numpy_helper.from_array(scores, "scores"), numpy_helper.from_array(bias, "bias")],
    )
    return folder


def scripted_occlusion_mask(folder: Path, side: int = 64) -> Path:
    """An ONNX model with XSeg's input and output, colours last and blue first: how much of each
    pixel is the face, all of it where it is redder than blue."""
    import json

    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    _save_onnx(
        folder,
        [
            helper.make_node("MatMul", ["in_face:0", "scores"], ["score"]),
            helper.make_node("Sigmoid", ["score"], ["out_mask:0"]),
        ],
        [helper.make_tensor_value_info("in_face:0", TensorProto.FLOAT, ["n", side, side, 3])],
        [helper.make_tensor_value_info("out_mask:0", TensorProto.FLOAT, ["n", side, side, 1])],
        [numpy_helper.from_array(np.float32([[-100], [0], [100]]), "scores")],
    )
    told = {"labels": ["face"], "mean": [0, 0, 0], "std": [1, 1, 1], "bgr": True}
    (folder / "parsing.json").write_text(json.dumps(told))
    return folder


def tiny_segformer(folder: Path) -> Path:
    """A SegFormer with CelebAMask-HQ's labels as its weights name them, to which all is skin."""
    import json

    import torch
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    labels = (
        ("background", "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear")
        + ("r_ear", "mouth", "u_lip", "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth")
    )  # fmt: skip
    torch.manual_seed(0)
    config = SegformerConfig(
        depths=[1, 1, 1, 1],
        hidden_sizes=[8, 8, 16, 16],
        num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=16,
        id2label=dict(enumerate(labels)),
    )
    network = SegformerForSemanticSegmentation(config)
    with torch.no_grad():
        network.decode_head.classifier.bias[labels.index("skin")] = 10
    network.save_pretrained(folder)
    told = {"size": {"height": 128, "width": 128}, "image_mean": [0.485, 0.456, 0.406]}
    (folder / "preprocessor_config.json").write_text(json.dumps(told))
    return folder


def tiny_vision_network(folder: Path, clip: bool = False) -> Path:
    """A ViT, or a CLIP, as transformers keeps them, that was taught nothing."""
    import json

    import torch
    from transformers import CLIPConfig, CLIPModel, ViTConfig, ViTModel

    told = {
        "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 32, "image_size": 32, "patch_size": 8,
    }  # fmt: skip
    torch.manual_seed(0)
    text = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 99}
    network = (
        CLIPModel(CLIPConfig(vision_config=told, text_config=text, projection_dim=8))
        if clip
        else ViTModel(ViTConfig(**told))
    )
    network.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"size": {"height": 32}}))
    return folder


def _save_onnx(folder: Path, nodes: list, given: list, made: list, constants: list) -> None:
    import onnx
    from onnx import helper

    graph = helper.make_graph(nodes, "tiny", given, made, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "model.onnx")
