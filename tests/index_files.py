"""Files of an index with any content, and with the digest that fits it."""

import json

from wsss_core.data import index


def with_digest(content: dict) -> dict:
    """The content of such a file, so that what is wrong in it is not found by its digest alone."""
    lines = index._Lines()
    rest = json.loads(json.dumps(content), object_hook=lines.take)
    return {**content, "digest": index._digest({key: rest[key] for key in rest if key != "records"}, lines)}
