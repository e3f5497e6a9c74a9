"""Sums of money as they stand on paper: in figures and in capitals."""

from models.money import yuan

__all__ = ["capitals", "yuan"]
DIGITS = "零壹贰叁肆伍陆柒捌玖"


def capitals(fen: int) -> str:
    """`140950` fen → `人民币壹仟肆佰零玖元伍角`.

    After 《正确填写票据和结算凭证的基本规定》 (支付结算办法, annex 1): 整 closes a sum without 角 and 分,
    one 零 stands for any run of zeros between figures. Raises `ValueError` below zero.
    """
    if fen < 0:
        raise ValueError(f"a sum written in capitals is not negative: {fen}")
    whole, jiao, cent = fen // 100, fen // 10 % 10, fen % 10
    words = f"{_integer(whole)}元" if whole or not fen else ""
    if jiao:
        words += f"{DIGITS[jiao]}角"
    if cent:
        words += f"{'零' if whole and not jiao else ''}{DIGITS[cent]}分"
    return f"人民币{words}{'' if cent or jiao else '整'}"


def _integer(number: int) -> str:
    for scale, name in ((10**8, "亿"), (10**4, "万"), (1000, "仟"), (100, "佰"), (10, "拾")):
        if number >= scale:
            high, low = divmod(number, scale)
            gap = "零" if 0 < low < scale // 10 else ""
            return f"{_integer(high)}{name}{gap}{_integer(low) if low else ''}"
    return DIGITS[number]
