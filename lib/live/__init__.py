"""A checkpoint as files that a browser runs: its networks in ONNX, its tokenizer, and an engine that samples.

    python -m live models/tiny --unet tiny-web=models/tiny-web ...        all options: python -m live --help

    traceable   the networks as an exporter can follow them: plain tensors in, plain tensors out
    onnxfile    one of them as the bytes of an ONNX file, its weights in half precision
    networks    which networks of a checkpoint those are
    bundle      the files that a site serves: networks, manifest.json, what of npm's packages is needed, the engine
    assets/     the engine: noise, levels, samplers and editing as in lib/diffloop, around ONNX Runtime Web

Needs torch and the exporter's packages (the extra `live`), at build time only.
"""
