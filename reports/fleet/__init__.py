"""Reports of a fleet run, from the folder it left: summary.json, tables as CSV, the description.

`folder`: reading it; `figures`: the numbers that matter, `herd` those around outages; `words`: what they say;
`comparison`: two or more runs side by side; `charts` and `overlay`: what is drawn, `svg` how; `page`: the HTML files.
Nothing here knows of the simulator, and whatever wrote the folder (an engine, a live run) is treated alike: what is
there is shown, what is absent is said.
"""
