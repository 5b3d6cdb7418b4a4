"""Writes the golden frames anew."""

from tests.contract import golden

golden.TAP.write_bytes(golden.tap_frame().encode())
golden.VIEW.write_bytes(golden.view_frame())
