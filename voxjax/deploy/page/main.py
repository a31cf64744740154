"""The page: a tab for recordings and one for finished runs. Streamlit runs this file anew at each change."""

import sys

import streamlit as st

from voxjax.deploy.page import recording_tab, run_tab, settings
from voxjax.errors import VoxJaxError

# White on the primary colour and the primary colour on the dark background can't both have a contrast of 4.5; captions
# have 4.4 by default.
_STYLE = """<style>
[role="tab"], [role="tab"] p { color: inherit !important; }
[role="tab"][aria-selected="true"] p { font-weight: 600; }
[data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] p { color: inherit !important; opacity: 1; }
</style>"""


def show() -> None:
    """Draws the page."""
    st.set_page_config(page_title="VoxJAX", page_icon=None, layout="wide", initial_sidebar_state="collapsed")
    st.html(_STYLE)
    st.title("VoxJAX: the emotion in a voice")
    try:
        found = settings.from_arguments(sys.argv[1:])
    except VoxJaxError as error:
        st.error(str(error))
        return
    recordings, run = st.tabs(["Recordings", "A finished run"])
    with recordings:
        recording_tab.show(found)
    with run:
        run_tab.show(found)


if __name__ == "__main__":
    show()
