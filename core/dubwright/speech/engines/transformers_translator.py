"""Translation by weights that transformers loads: Marian, M2M100, NLLB, MADLAD, Seamless."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from dubwright.engines import EngineCard, EngineKind, SuggestedWeights
from dubwright.engines.choice import remembered
from dubwright.engines.refusal import weights_refused
from dubwright.engines.transformers_loading import OFFLINE, unloadable
from dubwright.errors import DubwrightError

__all__ = ["TransformersTranslator"]

BEAMS: Final = 8
AT_ONCE: Final = 16
LONGEST_TOKENS: Final = 256
# NLLB names languages by FLORES-200's codes; these are its codes for tags that people write.
FLORES: Final[Mapping[str, str]] = {
    "ar": "arb_Arab", "bg": "bul_Cyrl", "ca": "cat_Latn", "cs": "ces_Latn", "da": "dan_Latn",
    "de": "deu_Latn", "el": "ell_Grek", "en": "eng_Latn", "es": "spa_Latn", "et": "est_Latn",
    "fa": "pes_Arab", "fi": "fin_Latn", "fr": "fra_Latn", "he": "heb_Hebr", "hi": "hin_Deva",
    "hr": "hrv_Latn", "hu": "hun_Latn", "id": "ind_Latn", "it": "ita_Latn", "ja": "jpn_Jpan",
    "ko": "kor_Hang", "lt": "lit_Latn", "lv": "lvs_Latn", "ms": "zsm_Latn", "nb": "nob_Latn",
    "nl": "nld_Latn", "pl": "pol_Latn", "pt": "por_Latn", "ro": "ron_Latn", "ru": "rus_Cyrl",
    "sk": "slk_Latn", "sl": "slv_Latn", "sr": "srp_Cyrl", "sv": "swe_Latn", "ta": "tam_Taml",
    "te": "tel_Telu", "th": "tha_Thai", "tr": "tur_Latn", "uk": "ukr_Cyrl", "ur": "urd_Arab",
    "vi": "vie_Latn", "zh": "zho_Hans", "zh-TW": "zho_Hant", "zh-Hant": "zho_Hant",
}  # fmt: skip
# Seamless names them by ISO 639-3.
SEAMLESS: Final = {tag: code.partition("_")[0] for tag, code in FLORES.items()} | {
    "zh": "cmn", "zh-TW": "cmn_Hant", "zh-Hant": "cmn_Hant"
}  # fmt: skip


class TransformersTranslator:
    card = EngineCard(
        name="transformers-translator",
        kind=EngineKind.TRANSLATOR,
        version=2,
        licence="Apache-2.0; the weights have theirs",
        commercial_use=True,
        packages=("torch", "transformers", "sentencepiece"),
        needs_weights=True,
        suggested=(
            SuggestedWeights(name="google/madlad400-3b-mt", licence="apache-2.0", megabytes=11760),
            SuggestedWeights(name="facebook/m2m100_418M", licence="mit", megabytes=1940),
            SuggestedWeights(
                name="Helsinki-NLP/opus-mt-en-es", licence="apache-2.0", megabytes=312
            ),
        ),
        way_around="send the lines to a translator with `dubwright translate export`",
        limits="Each line by itself, without what is said before. NLLB's and Seamless's weights "
        "are for non-commercial use.",
    )

    def __init__(self, weights: Path) -> None:
        self._weights = weights

    def translates(self, source: str, target: str) -> bool:
        return _loaded(self._weights).codes(source, target) is not None

    def translate(
        self, lines: Sequence[str], source: str, target: str, candidates: int
    ) -> list[tuple[str, ...]]:
        model = _loaded(self._weights)
        codes = model.codes(source, target)
        if codes is None:
            raise DubwrightError(
                f"These weights do not translate from {source} to {target}",
                where=str(self._weights),
                why=f"they are {model.family} weights, which do not know the pair",
                repair="give weights for it with --weights",
            )
        found = model.translate(list(dict.fromkeys(lines)), *codes)
        return [found[line][:candidates] for line in lines]


class _Model:
    """A model with its tokenizer.

    Attributes:
        family: marian, m2m_100, t5, seamless_m4t or seamless_m4t_v2.
    """

    def __init__(self, weights: Path) -> None:
        import torch
        from transformers import (
            AutoModelForSeq2SeqLM,
            AutoTokenizer,
            SeamlessM4TForTextToText,
            SeamlessM4Tv2ForTextToText,
        )

        try:
            config = json.loads((weights / "config.json").read_text(encoding="utf-8"))
            self.family = str(config["model_type"])
            kinds: dict[str, Any] = {
                "seamless_m4t": SeamlessM4TForTextToText,
                "seamless_m4t_v2": SeamlessM4Tv2ForTextToText,
            }
            kind: Any = kinds.get(self.family, AutoModelForSeq2SeqLM)
            self._tokenizer = AutoTokenizer.from_pretrained(weights, **OFFLINE)
            self._model = kind.from_pretrained(weights, **OFFLINE, use_safetensors=True).eval()
        except unloadable() as error:
            raise weights_refused(
                "Translation weights",
                weights,
                error,
                "give a folder with config.json, a tokenizer and safetensors",
            ) from error
        most = getattr(self._model.config, "max_position_embeddings", LONGEST_TOKENS)
        self._longest = min(LONGEST_TOKENS, most - 2)
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model.to(self._device)

    def codes(self, source: str, target: str) -> tuple[str, str] | None:
        """What the weights call two languages, or None where they do not know one."""
        known: dict[str, Callable[[str], str | None]] = {
            "marian": self._marian,
            "m2m_100": self._many,
            "t5": self._madlad,
        }
        code = known.get(self.family, self._seamless)
        pair = code(source), code(target)
        if self.family == "marian" and not self._is_pair(source, target):
            return None
        return None if None in pair else (str(pair[0]), str(pair[1]))

    def translate(
        self, lines: Sequence[str], source: str, target: str
    ) -> dict[str, tuple[str, ...]]:
        """The best translations of each line, the best first."""
        tokenizer = self._tokenizer
        asked: dict[str, object] = {}
        before = ""
        if self.family == "m2m_100":
            tokenizer.src_lang = source
            asked["forced_bos_token_id"] = tokenizer.convert_tokens_to_ids(self._token(target))
        elif self.family == "t5":
            before = f"<2{target}> "
        elif self.family == "marian" and self._knows(self._token(target)):
            before = f"{self._token(target)} "
        elif self.family.startswith("seamless"):
            tokenizer.src_lang = source
            asked["tgt_lang"] = target
        tokens = {
            line: tokenizer(before + line, truncation=True, max_length=self._longest)["input_ids"]
            for line in lines
        }
        found: dict[str, tuple[str, ...]] = {}
        for batch in _of_one_length(tokens):
            said = self._in_memory([tokens[line] for line in batch], asked)
            found |= {
                line: tuple(dict.fromkeys(text.strip() for text in texts if text.strip()))
                or (line,)
                for line, texts in zip(batch, said, strict=True)
            }
        return found

    def _in_memory(
        self, tokens: Sequence[Sequence[int]], asked: Mapping[str, object]
    ) -> list[list[str]]:
        """As `_generated`, in halves where a GPU's memory does not hold the whole."""
        import torch

        try:
            return self._generated(tokens, asked)
        except torch.OutOfMemoryError:
            if len(tokens) == 1:
                raise
        torch.cuda.empty_cache()
        half = len(tokens) // 2
        return self._in_memory(tokens[:half], asked) + self._in_memory(tokens[half:], asked)

    def _generated(
        self, tokens: Sequence[Sequence[int]], asked: Mapping[str, object]
    ) -> list[list[str]]:
        """Several texts for each of a batch of lines, which are equally long."""
        import torch

        lines = torch.tensor(tokens, device=self._device)
        with torch.no_grad():
            found = self._model.generate(
                input_ids=lines,
                attention_mask=torch.ones_like(lines),
                **asked,
                num_beams=BEAMS,
                num_return_sequences=BEAMS,
                max_new_tokens=self._longest,
                do_sample=False,
            )
        texts = self._tokenizer.batch_decode(found, skip_special_tokens=True)
        return [texts[at : at + BEAMS] for at in range(0, len(texts), BEAMS)]

    def _knows(self, token: str) -> bool:
        number = self._tokenizer.convert_tokens_to_ids(token)
        return number not in (None, self._tokenizer.unk_token_id)

    def _token(self, code: str) -> str:
        if self.family == "marian":
            return f">>{code}<<"
        return code if "_" in code else f"__{code}__"

    def _many(self, tag: str) -> str | None:
        plain = tag.partition("-")[0]
        for code in (FLORES.get(tag, ""), FLORES.get(plain, ""), tag, plain):
            if code and self._knows(self._token(code)):
                return code
        return None

    def _madlad(self, tag: str) -> str | None:
        plain = tag.partition("-")[0]
        codes = (tag.replace("-", "_"), plain)
        return next((code for code in codes if self._knows(f"<2{code}>")), None)

    def _seamless(self, tag: str) -> str | None:
        return SEAMLESS.get(tag) or SEAMLESS.get(tag.partition("-")[0])

    def _marian(self, tag: str) -> str | None:
        return tag.partition("-")[0]

    def _is_pair(self, source: str, target: str) -> bool:
        """Whether Marian's weights are those of a pair; of a group, they have a token for each."""
        own = (
            getattr(self._tokenizer, "source_lang", None),
            getattr(self._tokenizer, "target_lang", None),
        )
        wanted = source.partition("-")[0], target.partition("-")[0]
        return own == wanted or self._knows(self._token(wanted[1]))


def _of_one_length(tokens: Mapping[str, Sequence[int]]) -> list[list[str]]:
    """Lines in batches of equal length: nothing is filled up, so that none changes another."""
    by_length: dict[int, list[str]] = {}
    for line, numbers in tokens.items():
        by_length.setdefault(len(numbers), []).append(line)
    return [
        group[at : at + AT_ONCE]
        for group in by_length.values()
        for at in range(0, len(group), AT_ONCE)
    ]


@remembered
def _loaded(weights: Path) -> _Model:
    return _Model(weights)
