"""Index versions and checkpoints as bundles: what one machine pushes to a folder or a store, and others pull.

A remote holds

    objects/sha256/ab/abcd...     every file by its content, so that what is there is not sent again
    versions/ID/manifest.json     the version's own manifest, byte for byte
    versions/ID/statement         which manifest and checkpoint belong to it, signed if a key is given
    checkpoints/FINGERPRINT       the same of a checkpoint
    CURRENT                       the pointer: a statement too, with a serial that only grows; written last

and nothing of it is believed that is not checked: statements by their signature, manifests by the statement, files by
the manifest.
"""
