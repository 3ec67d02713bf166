"""Segment a photograph by an exported network: python examples/segment.py segmenter.onnx photograph.jpg labels.png"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

model, photograph, out = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
facts = json.loads(session.get_modelmeta().custom_metadata_map["wsss"])

image = ImageOps.exif_transpose(Image.open(photograph)).convert("RGB")
pixels = (np.asarray(image) * facts["scale"] - facts["mean"]) / facts["std"]  # (H, W, 3)
(logits,) = session.run(["seg"], {"image": pixels.transpose(2, 0, 1)[None].astype(np.float32)})  # (1, C+1, h, w)

rows, columns = (side * facts["stride"] for side in logits.shape[2:])
maps = [Image.fromarray(each).resize((columns, rows), Image.Resampling.BILINEAR) for each in logits[0]]
labels = np.stack(maps)[:, : image.height, : image.width].argmax(axis=0).astype(np.uint8)  # (H, W)
Image.fromarray(labels).save(out)
print(", ".join(facts["classes"][label] for label in np.unique(labels)))
