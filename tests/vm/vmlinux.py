#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vmlinux.py VMLINUZ OUT: the ELF kernel that lies compressed inside a bzImage."""
import subprocess
import sys

FORMATS = (
    (b"\xfd7zXZ\0", ["xz", "-dc", "--single-stream"]),
    (b"\x28\xb5\x2f\xfd", ["zstd", "-dcq"]),
)


def unpack(image):
    """Magic numbers also occur by chance: the first place that unpacks to an ELF file is it."""
    for magic, command in FORMATS:
        at = image.find(magic)
        while at >= 0:
            elf = subprocess.run(command, input=image[at:], capture_output=True, check=False).stdout
            if elf.startswith(b"\x7fELF"):
                return elf
            at = image.find(magic, at + 1)
    return None


def main():
    with open(sys.argv[1], "rb") as f:
        elf = unpack(f.read())
    if elf is None:
        sys.exit(f"{sys.argv[1]}: no kernel found inside")
    with open(sys.argv[2], "wb") as f:
        f.write(elf)


if __name__ == "__main__":
    main()
