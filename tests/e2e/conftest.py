import pytest
from harness import add_module, runtime


@pytest.fixture
def folder(tmp_path):
    """A folder with the counter in its modules folder."""
    add_module(tmp_path)
    return tmp_path


@pytest.fixture
def server(folder):
    with runtime(folder) as started:
        yield started
