"""Weights packages: what differs between two bundles of one architecture, as ranges of bytes.

docs/bundle-format.md is their specification. Export lays weights of one architecture out alike, so
that other weights change values in a bundle's files, and neither length nor layout. `header` is the
description that a package begins with, `alike` what two bundles must have in common, `package`
applies one, in a folder of `scratch`, `difference` writes one.
"""
