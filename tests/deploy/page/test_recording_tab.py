"""The tab for recordings in a real browser."""


def test_the_page_opens_on_its_tab_for_recordings(new_page):
    page = new_page()
    assert page.title() == "VoxJAX"
    assert [tab.inner_text() for tab in page.get_by_role("tab").all()] == ["Recordings", "A finished run"]
