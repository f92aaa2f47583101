"""The test kit for authors of plugins: the promises of a sink as tests that pytest runs.

```python
import pytest
from promferry.core.testing import SinkPromises

class TestMySink(SinkPromises):
    @pytest.fixture
    def make_sink(self, tmp_path):
        return lambda: MySink(tmp_path)
```

The kit itself does not import pytest; the package does not depend on it.
"""

from .sink_promises import MakeSink, SinkPromises

__all__ = ["MakeSink", "SinkPromises"]
