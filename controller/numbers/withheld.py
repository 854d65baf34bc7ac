"""How networks, exchanges and telephones write that a caller's number is not to be seen.

Words are compared without case, accents and what stands between them: `NUMÉRO_MASQUÉ` is `numero
masque`. A text speaks of a caller who hides only if every word of it does: `Private Bank` does not.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum
from typing import Final


class Withheld(Enum):
    """What a text says of the number that is missing."""

    #: The caller, or the network for him, asked that it is not shown.
    ASKED = "asked"
    #: Nobody has it.
    UNKNOWN = "unknown"


def says(text: str) -> Withheld | None:
    """Give what the text in a number's place says; None: it speaks of nothing of the kind."""
    words = _words(text)
    return _of(words) if words else None


def name_hides(name: str) -> bool:
    """Whether a caller's name asks for privacy, or says that there is no number (T4).

    A name that says only that the name is unknown does not: American carriers send one where a
    look-up of the name fails, beside a good number.
    """
    words = _words(name)
    said = _of(words) if words else None
    return said is Withheld.ASKED or (said is Withheld.UNKNOWN and bool(_NUMBER & set(words)))


def _of(words: list[str]) -> Withheld | None:
    rest = [word for word in words if word not in _NUMBER and word not in _CALLER]
    for said, known in ((Withheld.ASKED, _ASKED), (Withheld.UNKNOWN, _UNKNOWN)):
        if "".join(words) in known or "".join(rest) in known:
            return said
    if not all(word in _ASKED or word in _UNKNOWN for word in rest):
        return None
    if any(word in _ASKED for word in rest):
        return Withheld.ASKED
    return Withheld.UNKNOWN if rest else None


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _words(text: str) -> list[str]:
    return _WORD.findall(_plain(text[:_LONGEST]))


def _table(text: str) -> frozenset[str]:
    return frozenset(_plain(text).split())


_WORD: Final = re.compile(r"[^\W_]+")
#: The part of a text that is looked at; none of these words is so long.
_LONGEST: Final = 100

# Words that mean something only together are written as one.
_ASKED: Final = _table(
    """
    anonymous anonym anonymus anon private withheld restricted blocked hidden confidential
    suppressed concealed incognito nocallerid nocid nonumber nocaller privatenumber privatecaller
    anonymer unterdrückt unterdrueckt unterdrückte unterdrueckte privat privater verborgen geheim
    geheimnummer privatnummer rufnummerunterdrückung
    anonyme masqué masquée caché cachée privé privée confidentiel confidentielle secret
    anónimo anónima privado privada oculto oculta restringido restringida bloqueado reservado
    restrito confidencial nãoidentificado nãoidentificada noidentificado noidentificada
    privato privata nascosto riservato oscurato
    anoniem privénummer afgeschermd afgeschermde onderdrukt
    dolt hemligt hemlig skyddat skjult skjultnummer hemmelig hemmeligt anonymt
    salattu salainen yksityinen anonyymi
    anonimowy anonimowe zastrzeżony zastrzeżone prywatny prywatne ukryty
    anonymní skryté skrytý soukromé súkromné utajené utajený
    anonim rejtett titkos privát ascuns gizli skriven skriveni anoniman privatan
    аноним анонимный скрыт скрытый прихований анонім анонімний приватний частный
    ανώνυμος απόρρητο απόκρυψη κρυφός
    非通知 非通知設定 匿名 隐藏 隱藏 隐藏号码 隱藏號碼 私人 私人号码 私人號碼 保密
    익명 발신번호표시제한 발신자표시제한
    חסוי אנונימי מחוסה محجوب خاص
    """
)
_UNKNOWN: Final = _table(
    """
    unavailable unavail unknown notavailable notavail outofarea null none noname nobody invalid
    nonameavailable
    unbekannt unbekannte unbekannter nichtverfügbar
    inconnu inconnue indisponible nondisponible
    desconocido desconocida nodisponible desconhecido desconhecida indisponível nãodisponível
    sconosciuto sconosciuta nondisponibile onbekend onbekende nietbeschikbaar
    okänd okänt ukendt ukjent tuntematon nieznany nieznane neznámý neznámé neznáme
    ismeretlen necunoscut bilinmeyen nepoznat
    неизвестный неизвестно неизвестен невідомий невідомо άγνωστος άγνωστο
    表示圏外 通知不可能 公衆電話 不明 未知 未知号码 未知號碼 מספרלאידוע مجهول
    """
)
_NUMBER: Final = _table(
    """
    number num nr nummer rufnummer numero número numéro numer numar număr numara cislo číslo szám
    broj numerot номер αριθμός 号码 號碼 番号 מספר رقم id callerid cid cli clid clip phone telephone
    """
)
_CALLER: Final = _table(
    """
    no caller call calls name user subscriber party line
    anrufer anruf teilnehmer appel appelant correspondant nom llamada llamante nombre chamada
    chamador nome chiamata chiamante beller oproep naam samtal opkald anrop soittaja puhelu
    połączenie volající hívó apel apelant arama arayan poziv звонок абонент вызов дзвінок κλήση
    """
)
