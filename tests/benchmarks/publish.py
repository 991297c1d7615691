"""How long publish takes for each deliverable, and that its memory does not grow with their number.

    python tests/benchmarks/publish.py [--quick] [--json FILE]

The synthetic actor in ten shots (512 by 288, four seconds each) is dubbed into fifteen languages;
each language is looked through and made into a streamer's package: frames, stems, subtitles,
preview, timeline. Seconds for each package and for each shot of one; the largest process, in MB,
when two languages are published and when all are, and the ratio of the two. Linux only.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

from dubwright.api import dub
from dubwright.publish.presets import PRESETS
from dubwright.publish.run import Publishing, publish
from dubwright.publish.trusts import Terms
from dubwright.publish.validator import Target
from dubwright.sample.scene import SampleLine, SampleShot, Scene, write_sample
from dubwright.trust import Authority, anchors, keys_folder, verify

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from _common import Figures, run

LINES = {
    "en": (
        "We bought five new boats by the harbour last summer.",
        "Meet me at the old lighthouse tonight, before the storm.",
    ),
    "es": ("Compramos cinco barcos el verano pasado.", "Te espero esta noche en el viejo faro."),
    "fr": ("On a acheté cinq bateaux cet été.", "Retrouve-moi ce soir au vieux phare."),
    "de": ("Wir haben im Sommer fünf Boote gekauft.", "Komm heute Abend zum alten Leuchtturm."),
    "it": ("Abbiamo comprato cinque barche nuove.", "Ci vediamo stasera al vecchio faro."),
    "pt": ("Comprámos cinco barcos no verão passado.", "Encontra-me hoje à noite no velho farol."),
    "nl": ("We hebben vijf nieuwe boten gekocht.", "Kom vanavond naar de oude vuurtoren."),
    "sv": ("Vi köpte fem nya båtar i somras.", "Möt mig vid den gamla fyren i kväll."),
    "pl": ("Latem kupiliśmy pięć nowych łodzi.", "Spotkajmy się dziś przy starej latarni."),
    "cs": ("V létě jsme koupili pět nových lodí.", "Sejdeme se dnes večer u starého majáku."),
    "tr": ("Geçen yaz beş yeni tekne aldık.", "Bu gece eski fenerde buluşalım."),
    "el": ("Αγοράσαμε πέντε καινούργιες βάρκες.", "Σε περιμένω απόψε στον παλιό φάρο."),
    "ru": ("Летом мы купили пять новых лодок.", "Жди меня вечером у старого маяка."),
    "fi": ("Ostimme viime kesänä viisi uutta venettä.", "Tavataan illalla vanhalla majakalla."),
    "hu": ("Öt új hajót vettünk tavaly nyáron.", "Este várlak a régi világítótoronynál."),
    "ro": ("Vara trecută am cumpărat cinci bărci noi.", "Ne vedem diseară la vechiul far."),
}
RATE = Fraction(24)
SHOT_S = 4


def measure(quick: bool) -> Figures:
    shots, languages = (2, 2) if quick else (10, 15)
    tags = [tag for tag in LINES if tag != "en"][:languages]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        version, seconds = _dubbed(folder, shots, tags)
        few = _in_a_process(version, folder / "few", tags[:2])
        began = time.perf_counter()
        all_of_them = _in_a_process(version, folder / "all", tags)
        took = time.perf_counter() - began
        places = sorted(each.parent for each in (folder / "all").rglob("provenance.json"))
        if len(places) != languages:
            raise RuntimeError(f"{len(places)} of {languages} packages were made")
        faults = sum(len(verify(place, anchors(keys_folder())).faults) for place in places)
    return {
        "shots": shots,
        "languages": languages,
        "dub.s": seconds,
        "publish.s": took,
        "publish.s_each_package": took / languages,
        "publish.s_each_shot": took / languages / shots,
        "publish.share_of_dub": took / seconds,
        "packages.faults": faults,
        "memory.mb_two_languages": few,
        "memory.mb_all_languages": all_of_them,
        "memory.ratio": all_of_them / few,
    }


def _dubbed(folder: Path, shots: int, tags: list[str]) -> tuple[Path, float]:
    """A version in these languages, and how long it took to make."""
    scene = Scene(
        512, 288, RATE, 1,
        tuple(
            SampleShot(
                f"shot_{number:03d}", int(SHOT_S * RATE),
                (SampleLine(300, {tag: lines[number % 2] for tag, lines in LINES.items()}),),
            )
            for number in range(shots)
        ),
    )  # fmt: skip
    write_sample(folder / "sample", scene)
    subtitles = {
        tag: next((folder / "sample" / "subtitles").glob(f"*.{tag}.srt")) for tag in ("en", *tags)
    }
    began = time.perf_counter()
    made = dub(
        folder / "sample" / "timeline.otio", tags, folder / "dubs", subtitles=subtitles,
        original="en", cast=folder / "sample" / "cast.json", store=folder / "store",
    )  # fmt: skip
    return made.folder, time.perf_counter() - began


def _in_a_process(version: Path, out: Path, tags: list[str]) -> float:
    """Publish in a process of its own; the most memory that one of its processes took, in MB."""
    command = [sys.executable, __file__, "--publish", str(version), str(out), *tags]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout)


def _publish(version: Path, out: Path, tags: list[str]) -> None:
    terms = Terms(Authority.of_this_machine(), commercial=True, territories=())
    found = publish(Publishing(version, tuple(tags), terms, Target(PRESETS["streamer"], out)))
    for each in found:
        for looked in each.looked:
            for finding in looked.findings:
                print(each.language, each.shot, looked.label, finding, file=sys.stderr)
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--publish"]:
        _publish(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])
    else:
        run(__doc__ or "", measure)
