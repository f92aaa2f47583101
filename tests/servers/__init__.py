"""Real servers for tests, each on a loopback port of its own, none left behind.

Every server is a context manager with `.url`; `stop()` and `start()` may also be called by hand, to
let a server be away for a while: it comes back on the same port with the same data.
"""
