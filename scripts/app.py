"""The command `voxjax app`, from a checkout: `python scripts/app.py`, or `streamlit run scripts/app.py`."""

from voxjax.cli import main
from voxjax.deploy.page import launch

if __name__ == "__main__":
    if launch.is_inside_streamlit():
        from voxjax.deploy.page import main as page

        page.show()
    else:
        main.run("app")
