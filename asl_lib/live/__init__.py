"""Live recognition: from a camera, a video or a browser to words.

`recogniser`, `letters` and `clip_capture` recognise signs in frames, `words` makes a steady transcript, `sources` and
`pipeline` supply frames, `networks` loads trained models; `window` and `web` are the two user interfaces.
"""
