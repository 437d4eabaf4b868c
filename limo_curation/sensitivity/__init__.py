"""How much of a finished run's set hangs on its numbers: each knob moved a little, and the strong attempts redrawn.

`measuring` is the whole, from `knobs` (what is moved, and to what), `stored_run` (the run's tables), `effects` and
`rescoring` (what a stage then does otherwise) and `redraws`; `outcome` is what comes of it, as text and as a file.
"""
