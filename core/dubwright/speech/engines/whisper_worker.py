# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the Dubwright authors
"""Transcribes with whisper-timestamped: `python whisper_worker.py WEIGHTS`.

A program of its own, started by path: whisper-timestamped is GPLv3. It keeps its model between
requests and ends when its input does.

Standard input: for each request one line of JSON, {"count": samples, "speech": [[start, end]...] in
seconds, "language": tag or null}, then so many samples, float32 little-endian, mono, 16 kHz.
Standard output: one line of JSON for each: first {"languages": [...]} or {"error": why}, then
{"language": tag, "words": [[text, start, end, confidence]...]} or {"error": why}.
"""

import json
import os
import sys
from typing import Any


def main() -> None:
    # What libraries print must not reach the pipe that the answers go through.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def reply(content: dict[str, Any]) -> None:
        replies.write(json.dumps(content) + "\n")
        replies.flush()

    try:
        model = load(sys.argv[1])
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told to who asked
        reply({"error": told(error)})
        return
    from whisper.tokenizer import LANGUAGES

    reply({"languages": sorted(LANGUAGES) if model.is_multilingual else ["en"]})
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        raw = sys.stdin.buffer.read(request["count"] * 4)
        try:
            reply(transcribed(model, raw, request["speech"], request["language"]))
        except Exception as error:  # noqa: BLE001 - as above
            reply({"error": told(error)})


def load(weights: str) -> Any:
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    import torch
    import whisper_timestamped

    return whisper_timestamped.load_model(
        weights, device="cuda" if torch.cuda.is_available() else "cpu"
    )


def transcribed(
    model: Any, raw: bytes, speech: list[list[float]], language: str | None
) -> dict[str, Any]:
    import numpy as np
    import torch
    import whisper_timestamped

    torch.manual_seed(0)
    found = whisper_timestamped.transcribe(
        model,
        np.frombuffer(raw, "<f4").copy(),
        language=language,
        vad=[tuple(part) for part in speech],
        # What was misheard once must not be carried on, nor dice decide what is said.
        condition_on_previous_text=False,
        temperature=0.0,
        verbose=None,
    )
    words = [
        [word["text"], float(word["start"]), float(word["end"]), float(word["confidence"])]
        for segment in found["segments"]
        for word in segment["words"]
    ]
    return {"language": found["language"], "words": words}


def told(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason'}"


if __name__ == "__main__":
    main()
