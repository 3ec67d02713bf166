"""The way of somebody's own folder into a data set: what `wsss init` does.

`survey` looks at the folder once; each file of `layouts` recognises one layout in it and reads that to the records of
`records`; `recognition` takes the one that fits, or says between which it cannot choose. What the records still lack is
added here: `tags` looks at the class names, `copies` at photographs that are there several times, `splits` holds some
out, `mask_folders` looks for true masks, `machine` chooses the preset. `proposal` puts this together, and writes it.
"""
