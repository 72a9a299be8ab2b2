"""The commands `retouch edit`, `inspect`, `doctor` and `bench`."""

from runtime.cli.diagnosis import doctor
from runtime.cli.editing import edit
from runtime.cli.inspection import inspect
from runtime.cli.timing import bench

__all__ = ["bench", "doctor", "edit", "inspect"]
