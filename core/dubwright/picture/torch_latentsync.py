"""The network of LatentSync (Li et al., 2024, "LatentSync: taming audio-conditioned latent
diffusion models for lip sync with SyncNet supervision"), for torch.

It is that of AnimateDiff (Guo et al., 2023), which diffusers has, but for what its normalisations
go over: those of its residual blocks over all frames, those of its motion modules over each.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from diffusers import DDIMScheduler, UNetMotionModel
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from dubwright.picture.torch_diffusion import (
    Autoencoder,
    network_weights,
    placed,
    subfolder,
)
from dubwright.speech.engines.whisper_windows import WhisperWindows

__all__ = ["Description", "LatentSync", "described"]

DESCRIPTION: Final = "latentsync.json"
MASK: Final = "mask.png"
SEED: Final = 1247
AT_ONCE: Final = 4
# The lower face in the square: from beside the nose to under the chin.
HOLE: Final = ((0.1, 0.42), (0.9, 0.42), (0.9, 0.7), (0.72, 0.97), (0.28, 0.97), (0.1, 0.7))
RENAMED: Final = (
    (re.compile(r"\.temporal_transformer\."), "."),
    (re.compile(r"\.attention_blocks\.0\.pos_encoder\.pe$"), ".pos_embed.pe"),
    (re.compile(r"\.attention_blocks\.0\."), ".attn1."),
    (re.compile(r"\.attention_blocks\.1\."), ".attn2."),
    (re.compile(r"(motion_modules\..*)\.norms\.0\."), r"\1.norm1."),
    (re.compile(r"(motion_modules\..*)\.norms\.1\."), r"\1.norm2."),
    (re.compile(r"(motion_modules\..*)\.ff_norm\."), r"\1.norm3."),
)


class Description(BaseModel):
    """How a network was trained, and how it is asked; that of LatentSync 1.5 where not said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    side: int = Field(256, ge=64, le=1024, multiple_of=64, description="Of a picture, in pixels.")
    steps: int = Field(20, ge=1, le=200)
    guidance: float = Field(1.5, ge=1, le=10)
    channels: tuple[int, ...] = (320, 640, 1280, 1280)
    layers: int = 2
    heads: int = 8
    groups: int = 32
    heard: int = Field(384, description="Values of a token.")
    most_frames: int = Field(24, description="That its motion modules know the places of.")


def described(weights: Path) -> Description:
    """What stands beside weights.

    Raises:
        ValueError: it is not valid.
    """
    file = next(weights.rglob(DESCRIPTION), None) if weights.is_dir() else None
    text = file.read_text(encoding="utf-8") if file else "{}"
    return Description.model_validate_json(text)


class LatentSync:
    """Loads a folder with the network, the autoencoder's and Whisper's."""

    def __init__(self, weights: Path) -> None:
        told = described(weights)
        vae = subfolder(weights, "_class_name", "AutoencoderKL")
        whisper = subfolder(weights, "model_type", "whisper")
        self.whisper = WhisperWindows(whisper, normalised=False)
        self._told = told
        self._autoencoder = Autoencoder(vae)
        self._network = _network(told, network_weights(weights, (vae, whisper)))
        self._scheduler = DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
        )
        self._kept = _mask(next(weights.rglob(MASK), None), told.side)

    def drawn(self, faces: NDArray[np.float32], heard: NDArray[np.float32]) -> NDArray[np.float32]:
        """Frames [frames, side, side, 3] that are drawn together; see MouthGenerator.draw."""
        with torch.inference_mode():
            pixels = 2 * torch.from_numpy(np.ascontiguousarray(faces)).permute(0, 3, 1, 2) - 1
            kept = torch.from_numpy(self._kept)[None, None]
            masked, whole = (
                _as_clip(
                    torch.cat(
                        [self._autoencoder.encoded(part) for part in torch.split(each, AT_ONCE)]
                    )
                )
                for each in (pixels * kept, pixels)
            )
            frames, (high, wide) = len(faces), masked.shape[-2:]
            places = nn.functional.interpolate(kept, size=(high, wide))
            mask = places.to(masked)[:, :, None].expand(-1, -1, frames, -1, -1)
            tokens = torch.from_numpy(heard).to(masked)
            latents = self._denoised(torch.cat([mask, masked, whole], dim=1), tokens)
            parts = torch.split(latents[0].transpose(0, 1), AT_ONCE)
            drawn = np.concatenate([self._autoencoder.decoded(part) for part in parts])
        share = self._kept[None, :, :, None]
        return np.asarray(drawn * (1 - share) + faces * share, np.float32)

    def _denoised(self, given: Tensor, tokens: Tensor) -> Tensor:
        """Latents [1, 4, frames, h, w], from what is given beside them, [1, 9, frames, h, w]."""
        frames, high, wide = given.shape[2:]
        # The same for every frame, and for every part of a line.
        chance = torch.Generator().manual_seed(SEED)
        noise = torch.randn((1, 4, 1, high, wide), generator=chance).to(given)
        latents = noise.expand(-1, -1, frames, -1, -1) * self._scheduler.init_noise_sigma
        guided = self._told.guidance > 1
        if guided:
            tokens = torch.cat([torch.zeros_like(tokens), tokens])
        self._scheduler.set_timesteps(self._told.steps)
        for step in self._scheduler.timesteps:
            seen = torch.cat([latents, given], dim=1)
            noise = self._network(torch.cat([seen, seen]) if guided else seen, step, tokens).sample
            if guided:
                unheard, hearing = noise.chunk(2)
                noise = unheard + self._told.guidance * (hearing - unheard)
            latents = self._scheduler.step(noise, step, latents).prev_sample
        return latents


def _network(told: Description, weights: Any) -> Any:
    deep = len(told.channels) - 1
    network = UNetMotionModel(
        in_channels=13,
        out_channels=4,
        block_out_channels=told.channels,
        layers_per_block=told.layers,
        norm_num_groups=told.groups,
        cross_attention_dim=told.heard,
        num_attention_heads=told.heads,
        motion_num_attention_heads=told.heads,
        motion_max_seq_length=told.most_frames,
        use_motion_mid_block=False,
        down_block_types=("CrossAttnDownBlockMotion",) * deep + ("DownBlockMotion",),
        up_block_types=("UpBlockMotion",) + ("CrossAttnUpBlockMotion",) * deep,
    )
    named = {}
    for name, tensor in weights.items():
        for old, new in RENAMED:
            name = old.sub(new, name)
        if not name.endswith("pos_encoder.pe"):  # the second is the first
            named[name] = tensor
    network.load_state_dict(named)
    _renormed(network)
    return placed(network)


def _renormed(network: Any) -> None:
    """Have a network's normalisations go over what LatentSync's do."""
    over_frames = _Frames()
    network.register_forward_pre_hook(over_frames.count)
    for name, module in list(network.named_modules()):
        for kind in ("norm", "norm1", "norm2", "conv_norm_out"):
            norm = getattr(module, kind, None)
            if not isinstance(norm, nn.GroupNorm):
                continue
            if "motion_modules" in name:
                setattr(module, kind, _OfEachFrame(norm))
            elif kind != "norm":
                setattr(module, kind, _OverFrames(norm, over_frames))


class _Frames:
    """How many frames a network is just given."""

    def __init__(self) -> None:
        self.number = 1

    def count(self, _: Any, given: tuple[Any, ...]) -> None:
        self.number = given[0].shape[2]


class _OverFrames(nn.Module):
    """Normalises [clips * frames, channels, h, w] over the frames of a clip."""

    def __init__(self, norm: nn.GroupNorm, frames: _Frames) -> None:
        super().__init__()
        self._norm = norm
        self._frames = frames

    def forward(self, given: Tensor) -> Tensor:
        clips = torch.unflatten(given, 0, (-1, self._frames.number)).transpose(1, 2)
        made: Tensor = self._norm(clips).transpose(1, 2).flatten(0, 1)
        return made


class _OfEachFrame(nn.Module):
    """Normalises [clips, channels, frames, h, w] frame by frame."""

    def __init__(self, norm: nn.GroupNorm) -> None:
        super().__init__()
        self._norm = norm

    def forward(self, given: Tensor) -> Tensor:
        frames = given.transpose(1, 2)
        made = torch.unflatten(self._norm(frames.flatten(0, 1)), 0, tuple(frames.shape[:2]))
        return made.transpose(1, 2)


def _as_clip(latents: Tensor) -> Tensor:
    """Frames [frames, channels, h, w] as a clip, [1, channels, frames, h, w]."""
    return latents.transpose(0, 1)[None]


def _mask(file: Path | None, side: int) -> NDArray[np.float32]:
    """1 where a face is kept, 0 where it is drawn, [side, side]: as a file says, or HOLE."""
    if file is not None:
        seen = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
        if seen is None:
            raise ValueError(f"{file.name} is not a picture")
        small = cv2.resize(seen, (side, side), interpolation=cv2.INTER_AREA)
        return np.asarray(small / np.float32(255), np.float32)
    kept = np.full((side, side), 255, np.uint8)
    outline = np.round(np.array(HOLE) * side).astype(np.int32)
    cv2.fillPoly(kept, [outline], 0, cv2.LINE_AA)
    return np.asarray(kept / np.float32(255), np.float32)
