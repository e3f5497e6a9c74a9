"""The typefaces of official paper: loaded once per process, embedded as subsets, no character ever dropped.

GB/T 9704 asks for 仿宋 and 小标宋, which no open package registry has. Each role is a chain: the operator's
own folder (`BANJIE_FONTS`), Fandol where the system has it, then the packaged Noto. A character is set in the
first face of its chain that has it, and every paper says which faces it was set in.
"""

from enum import StrEnum
from functools import cache
from pathlib import Path

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.pdfdoc import PDFDocument
from reportlab.pdfbase.ttfonts import SUBSETN, TTFError, TTFont

from models.errors import Invalid, Unavailable
from models.settings import settings


class Role(StrEnum):
    BODY = "仿宋"
    TITLE = "小标宋"
    FIGURES = "宋体"


OWN = {
    Role.BODY: ("simfang", "fangsong", "仿宋", "fzfs"),
    Role.TITLE: ("小标宋", "xiaobiaosong", "fzxbs"),
    Role.FIGURES: ("simsun", "宋体", "stsong"),
}
"""What the file name of an operator's font contains, any case."""

FANDOL = {Role.BODY: "FandolFang-Regular", Role.TITLE: "FandolSong-Bold", Role.FIGURES: "FandolSong-Regular"}
SYSTEM = (Path("/usr/share/fonts"), Path("/usr/share/texlive"), Path("/usr/share/texmf"))

PACKAGED = {
    Role.BODY: (
        "noto-serif-sc/400Regular/NotoSerifSC_400Regular.ttf",
        "noto-sans-sc/400Regular/NotoSansSC_400Regular.ttf",
    ),
    Role.TITLE: (
        "noto-serif-sc/700Bold/NotoSerifSC_700Bold.ttf",
        "noto-sans-sc/700Bold/NotoSansSC_700Bold.ttf",
    ),
    Role.FIGURES: ("noto-serif-sc/400Regular/NotoSerifSC_400Regular.ttf",),
}
SUFFIXES = {".ttf", ".ttc", ".otf"}


class Face(TTFont):
    """A TrueType face whose text can be searched and copied, characters beyond the basic plane included."""

    def __init__(self, path: Path) -> None:
        super().__init__("", str(path), asciiReadable=False)
        self.fontName: str = self.face.name.decode("ascii", "replace")
        pdfmetrics.registerFont(self)

    def has(self, char: str) -> bool:
        return bool(self.face.charToGlyph.get(ord(char)))

    def width(self, char: str) -> int:
        """Advance in thousandths of the type size."""
        return int(self.face.charWidths[ord(char)])

    def ink(self, char: str) -> tuple[float, float]:
        """Left and right edge of the glyph's ink, in thousandths of the type size (from `glyf`)."""
        face = self.face
        face.seek(face.get_table_pos("glyf")[0] + face.glyphPos[face.charToGlyph[ord(char)]])
        _, left, _, right = (face.read_short() for _ in range(4))
        return left * 1000 / face.unitsPerEm, right * 1000 / face.unitsPerEm

    def addObjects(self, doc: PDFDocument) -> None:
        # ReportLab maps U+2CB4E to <2CB4E>, which readers take for two other characters; the map wants UTF-16
        subsets = self.state[doc].subsets
        super().addObjects(doc)
        for number, subset in enumerate(subsets):
            name = (SUBSETN(number) + b"+" + self.face.name + self.face.subfontNameX).decode("pdfdoc")
            stream = doc.idToObject[f"toUnicodeCMap:{name}"]
            for code in subset:
                if code > 0xFFFF:
                    stream.content = stream.content.replace(
                        f"<{code:04X}>", f"<{chr(code).encode('utf-16-be').hex().upper()}>"
                    )


def face_for(char: str, role: Role, paper: str) -> Face:
    """The first face of the role's chain that has `char`.

    Raises `Invalid`, naming the paper, where none has it: paper never drops a character. Raises `Unavailable`
    where the machine has no face for the role at all.
    """
    tried = []
    for file in files(role):
        face = load(file)
        if isinstance(face, Face):
            if face.has(char):
                return face
            tried.append(face.fontName)
    if not tried:
        raise Unavailable(f"没有可用的{role}字体：请运行 make setup 安装字体，或用 BANJIE_FONTS 指定字体文件夹。")
    named = f"“{char}”（U+{ord(char):04X}）" if char.isprintable() else f"U+{ord(char):04X}"
    problem = f"《{paper}》无法排印：{'、'.join(tried)} 都没有{named}这个字。"
    raise Invalid(f"{problem}请更正此字，或把含有此字的字体放入 BANJIE_FONTS 文件夹。")


def files(role: Role) -> tuple[Path, ...]:
    """Every font file found for `role`, the preferred first; `load` tells which of them can be used."""
    current = settings()
    return _files(role, current.fonts, current.node_modules)


@cache
def load(file: Path) -> Face | str:
    """The face, or the reason why the file cannot be used."""
    try:
        with file.open("rb") as opened:
            if opened.read(4) == b"OTTO":
                return "轮廓为 PostScript（CFF）格式，不能嵌入，请换用 TrueType 版本"
        return Face(file)
    except (TTFError, OSError) as error:
        return f"不能读取：{error}"


@cache
def _files(role: Role, own: Path | None, node_modules: Path) -> tuple[Path, ...]:
    if own is not None and not own.is_dir():
        raise Unavailable(f"BANJIE_FONTS 指定的字体文件夹 {own} 不存在。")
    mine = sorted(file for file in own.rglob("*") if file.suffix.lower() in SUFFIXES) if own else []
    found = [file for word in OWN[role] for file in mine if word in file.stem.lower()]
    found += [file for folder in SYSTEM if folder.is_dir() for file in sorted(folder.rglob(f"{FANDOL[role]}.*"))]
    found += [file for name in PACKAGED[role] if (file := node_modules / "@expo-google-fonts" / name).is_file()]
    return tuple(dict.fromkeys(found))
