"""What Banjie can do on this machine: `python -m bench [NAMES]`.

The machine's speed varies from minute to minute, so contestants take turns within one run and a ratio is the median over the turns.
Loads go to servers of our own on the loopback interface.
"""
