"""Text files as offices save them."""


def text_of(data: bytes) -> str | None:
    """UTF-8 with or without a mark, else GB 18030; None where it is neither."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None
