"""What a post calls to show things: figure style, sliders, tables, the provenance line.

Import the module that you need (`from postkit.style import use_style`); nothing is imported eagerly.
"""
