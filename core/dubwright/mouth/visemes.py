"""Which viseme a phone looks like.

The fifteen classes are Meta's (developers.meta.com, "Viseme reference"), the same as MPEG-4's.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = ["CLOSE_FRONT_ROUNDED", "Viseme", "viseme_of"]


class Viseme(StrEnum):
    SIL = "sil"
    PP = "PP"
    FF = "FF"
    TH = "TH"
    DD = "DD"
    KK = "kk"
    CH = "CH"
    SS = "SS"
    NN = "nn"
    RR = "RR"
    AA = "aa"
    E = "E"
    IH = "ih"
    OH = "oh"
    OU = "ou"


_IPA: Final = {
    Viseme.PP: "p b m ɓ",
    Viseme.FF: "f v ɱ ʋ",
    Viseme.TH: "θ ð",
    Viseme.DD: "t d ʈ ɖ",
    Viseme.KK: "k ɡ g ŋ x ɣ q c ɟ χ",
    Viseme.CH: "tʃ dʒ ʃ ʒ ʧ ʤ ɕ ʑ tɕ dʑ ʂ ʐ",
    Viseme.SS: "s z ts dz",
    Viseme.NN: "n l ɲ ɫ ɾ ɭ ʎ ɳ ɬ",
    Viseme.RR: "r ɹ ʁ ʀ ɻ ɚ ɝ ɜ ɽ",
    Viseme.AA: "a ɑ æ ɐ aɪ aʊ ʌ",
    Viseme.E: "e ɛ eɪ ə h ɤ ɘ ɦ ħ ʕ ʔ ç",
    Viseme.IH: "i ɪ j y ʏ ɨ ʝ",
    Viseme.OH: "o ɔ ɒ oʊ ø œ ɔɪ ɵ ɞ",
    Viseme.OU: "u ʊ w ɥ ɯ β ɸ",
}
_BY_SYMBOL: Final = {symbol: viseme for viseme, row in _IPA.items() for symbol in row.split()}
_MODIFIERS: Final = dict.fromkeys(map(ord, "ːˑˈˌʰʲʷˠˤ-ʼ\u0303\u0329\u032a\u032f\u0361\u0325\u031e"))

CLOSE_FRONT_ROUNDED: Final = frozenset("yʏɥ")


def viseme_of(symbol: str) -> Viseme:
    """The viseme of an IPA symbol; the empty symbol is silence."""
    plain = symbol.translate(_MODIFIERS)
    if not plain:
        return Viseme.SIL
    for length in (2, 1):
        found = _BY_SYMBOL.get(plain[:length])
        if found:
            return found
    return Viseme.E
