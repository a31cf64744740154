"""The tab for recordings: what somebody uploads or records, and its answer."""

import streamlit as st

from voxjax.deploy.page.catalogue import Catalogue
from voxjax.deploy.page.settings import PageSettings
from voxjax.errors import VoxJaxError


@st.cache_resource(show_spinner=False)
def catalogue(settings: PageSettings) -> Catalogue:
    """The models of the page, once for all visitors."""
    return Catalogue.of(settings)


def show(settings: PageSettings) -> None:
    """Draws the tab."""
    models = catalogue(settings)
    name = st.selectbox("Model", models.names)
    files = st.file_uploader("Sound files", accept_multiple_files=True)
    for file in files:
        try:
            found = models.predictor(name).predict(file)
        except VoxJaxError as error:
            st.error(str(error))
        else:
            st.write(f"{found['emotion']}, {found['confidence']:.0%}")
