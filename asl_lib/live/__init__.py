"""The live demo: from a camera, a file or a browser to words.

`recogniser` turns frames into what is recognised, `smoothing` keeps that calm, `sources` gives frames, `pipeline` keeps
picture and recognition apart, `picture` draws; `window`, `web` and `record` are the faces. Nothing here trains.
"""
