"""Reader studies: blind readings of bone images whose statistics survive a journal's reviewer.

A study is *designed* (``protocol``: frozen and hashed; ``items``: images made alike on the wire;
``audit``: what a trivial classifier could still see), *read* (``order``, ``reading``; everything
is on disk and hash-chained in ``store`` and ``log`` before the next image shows), *unblinded* once,
and *analysed* (``analysis`` and its neighbours: pure functions over tidy tables; ``report``).
"""
