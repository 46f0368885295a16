"""The bundled world: small outdoor scenes with exact labels, and the networks trained on them.

`draw.py` draws it, `train.py` trains its generator and segmenter, `evaluate.py` says how good they are, `weights/`
holds what ships together with the record of how it was made.
"""
