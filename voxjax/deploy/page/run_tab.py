"""The tab for a finished run."""

import streamlit as st


def show() -> None:
    """Draws the tab."""
    st.write("Figures of a finished run are in `report/report.html` of its folder.")
