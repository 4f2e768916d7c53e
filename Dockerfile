# docker build -t lus-keras .
# docker run --rm -v "$PWD:/data" lus-keras predict bline/c2d_lstm_a exam.mp4 --out predicted
FROM python:3.12-slim

WORKDIR /package
COPY setup.cfg setup.py pyproject.toml README.md LICENSE ./
COPY lus_keras lus_keras
COPY configs configs
COPY data_manifests data_manifests
RUN pip install --no-cache-dir ".[dicom,excel]" && rm -rf /package/*

# Files that it writes belong to the user, not to root: docker run --user "$(id -u):$(id -g)".
RUN useradd --create-home lus
USER lus
ENV LUS_KERAS_CACHE=/tmp/lus_keras MPLCONFIGDIR=/tmp/matplotlib
WORKDIR /data
ENTRYPOINT ["lus-keras"]
CMD ["--help"]
