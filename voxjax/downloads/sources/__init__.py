"""Sources of corpora. A new corpus is a row in `SOURCES`, and a new type of host is a file here.

Checksums: RAVDESS's and EmoDB's MD5 are those that Zenodo publishes. The others have none for the whole corpus: each
file is verified by its host's list (Dataverse: MD5; GitHub: git's hash; Git LFS: SHA-256), and the clips are counted.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from voxjax.downloads.parallel import Workspace
from voxjax.downloads.sources import dataverse, github, zenodo


class Source(NamedTuple):
    """How a corpus is downloaded, and how many clips it has."""

    download: Callable[[Workspace], Path]  # downloads everything; returns the folder that becomes DIR/NAME
    clips: int  # WAV files, as its paper or page counts them
    page: str  # of the corpus, for users
    size: str  # of the download
    verified_by: str
    licence: str


SOURCES = {
    "ravdess": Source(
        partial(
            zenodo.download,
            record=1188976,
            archive="Audio_Speech_Actors_01-24.zip",
            size_bytes=208_468_073,
            md5="bc696df654c87fed845eb13823edef8a",
            top="",
        ),
        1440,
        "https://doi.org/10.5281/zenodo.1188976",
        "208.5 MB",
        "MD5 of the archive",
        "CC BY-NC-SA 4.0: credit Livingstone & Russo 2018, non-commercial use, share alike",
    ),
    "tess": Source(
        partial(dataverse.download, host="borealisdata.ca", doi="10.5683/SP2/E8H2MF"),
        2800,
        "https://doi.org/10.5683/SP2/E8H2MF",
        "about 0.3 GB",
        "MD5 of each file",
        "CC BY-NC-ND 4.0: credit Pichora-Fuller & Dupuis 2020, non-commercial use, pass on unchanged",
    ),
    "cremad": Source(
        partial(
            github.download,
            repository="CheyneyComputerScience/CREMA-D",
            commit="1658cd342dff90010aa843eaeebd53610a08b1dc",
            wanted=("AudioWAV", "processedResults", "VideoDemographics.csv", "LICENSE.txt"),
        ),
        7442,
        "https://github.com/CheyneyComputerScience/CREMA-D",
        "about 0.6 GB",
        "SHA-256 of each clip, git's hash of each table",
        "ODbL 1.0, contents DbCL 1.0: credit Cao et al. 2014, share databases made from it alike",
    ),
    "emodb": Source(
        partial(
            zenodo.download,
            record=7447302,
            archive="emodb.zip",
            size_bytes=39_981_818,
            md5="9d21362dbc5676ef3ab4745d83ced0db",
            top="emodb",
        ),
        535,
        "https://doi.org/10.5281/zenodo.7447302",
        "40.0 MB",
        "MD5 of the archive",
        "CC BY 4.0: credit Burkhardt et al. 2005",
    ),
    "nemo": Source(
        partial(
            github.download,
            repository="amu-cai/nEMO",
            commit="06f1f83dde8f1a780443a57d53b2af3971af34ab",
            wanted=("samples", "data.tsv", "README.md"),
        ),
        4481,
        "https://github.com/amu-cai/nEMO",
        "about 0.5 GB",
        "git's hash of each file",
        "CC BY-NC-SA 4.0: credit Christop 2024, non-commercial use, share alike",
    ),
}
