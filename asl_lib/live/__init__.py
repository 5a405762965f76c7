"""Live recognition: from a camera, a video or a browser to words.

`recogniser`, `letters` and `clip_capture` recognise signs in frames, `words` makes a steady transcript, `sources` and
`pipeline` supply frames, `networks` loads trained models, `vocabulary` holds signs learned from examples, which `teach`
adds; `window` and `web` are the two user interfaces.
"""
