"""Files of an index with any content, and with the digest that fits it."""

import json

from pydantic import ValidationError

from wsss_core.data.index import Records, _digest


def with_digest(content: dict) -> dict:
    """The content of such a file, so that what is wrong in it is not found by its digest alone.

    Where a record is none, or all of it is one, the content as it is: that is found first.
    """
    records = Records()
    try:
        rest = json.loads(json.dumps(content), object_hook=records.take)
        return {**content, "digest": _digest({key: rest[key] for key in rest if key != "records"}, records)}
    except (ValidationError, TypeError):
        return content
