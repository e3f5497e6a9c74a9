"""Money is whole fen (分); this is how it is written."""


def yuan(fen: int) -> str:
    """`123456` fen → `1,234.56`."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100:,}.{abs(fen) % 100:02d}"
