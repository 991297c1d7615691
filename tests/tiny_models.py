"""Models of a few megabytes with the architecture of real ones, made and saved here.

What they say is written into their weights, so that a test knows it; they go through the same
loading code as real weights.
"""

from __future__ import annotations

import warnings
from pathlib import Path

WHISPER_WIDTH = 64
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
