#include "build/python_names.h"

#include <string>

namespace thalo::build {
namespace {

// The keywords and the standard library of CPython, and what a component and its tests have beside the aggregate.
constexpr std::string_view taken_names =
    " "
    "abc aggregate aifc and annotationlib antigravity argparse array as assert ast async asynchat asyncio "
    "asyncore atexit audioop await base64 bdb binascii bisect break builtins bz2 calendar cgi cgitb chunk class "
    "cmath cmd code codecs codeop collections colorsys compileall componentize_py_async_support "
    "componentize_py_runtime componentize_py_types compression concurrent configparser conftest contextlib "
    "contextvars continue copy copyreg crypt csv ctypes curses dataclasses datetime dbm decimal def del difflib "
    "dis distutils doctest elif else email encodings ensurepip enum errno except faulthandler fcntl filecmp "
    "fileinput finally fnmatch for fractions from ftplib functools gc genericpath getopt getpass gettext glob "
    "global graphlib grp gzip hashlib heapq hmac html http idlelib if imaplib imghdr imp import importlib in "
    "inspect io ipaddress is itertools json keyword lambda lib2to3 linecache locale logging lzma mailbox mailcap "
    "marshal math mimetypes mmap modulefinder msilib msvcrt multiprocessing netrc nis nntplib nonlocal not nt "
    "ntpath nturl2path numbers opcode operator optparse or os ossaudiodev pass pathlib pdb pickle pickletools "
    "pipes pkgutil platform plistlib poll_loop poplib posix posixpath pprint profile pstats pty pwd py_compile "
    "pyclbr pydoc pydoc_data pyexpat queue quopri raise random re readline reprlib resource return rlcompleter "
    "runpy sched secrets select selectors shelve shlex shutil signal site smtpd smtplib sndhdr socket "
    "socketserver spwd sqlite3 sre_compile sre_constants sre_parse ssl stat statistics string stringprep struct "
    "subprocess sunau symtable sys sysconfig syslog tabnanny tarfile telnetlib tempfile termios textwrap thalo "
    "thalo_start this threading time timeit tkinter token tokenize tomllib trace traceback tracemalloc try tty "
    "turtle turtledemo types typing unicodedata unittest urllib uu uuid venv warnings wave weakref webbrowser "
    "while winreg winsound with wsgiref xdrlib xml xmlrpc yield zipapp zipfile zipimport zlib zoneinfo ";

}  // namespace

bool is_taken_in_python(std::string_view module) {
  return module.starts_with("wit_world") || taken_names.contains(" " + std::string(module) + " ");
}

}  // namespace thalo::build
