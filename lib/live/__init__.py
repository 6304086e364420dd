"""A checkpoint as files that a browser runs: its networks in ONNX, its tokenizer, and an engine that samples.

    python -m live models/tiny --unet tiny-web=models/tiny-web ...        all options: python -m live --help

traceable  TextEncoder, Decoder, Encoder, UNet: networks that an exporter can follow, plain tensors in and out
onnxfile   onnx_bytes: one of them as the bytes of an ONNX file, its weights in half precision
networks   export: one network of a checkpoint, by name
bundle     live_files: what a site serves: networks, manifest.json, the needed files of npm packages, the engine
assets/    the engine: noise, levels, samplers and editing as in lib/diffloop, around ONNX Runtime Web

Needs torch and the exporter's packages (the extra `live`), at build time only.
"""
