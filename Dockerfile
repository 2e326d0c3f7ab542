# The web page on a CPU. Where pip would install torch for CUDA, name PyTorch's CPU index:
#
#   docker build -t mmdeepfake --build-arg TORCH_INDEX=URL .
#   docker run --rm -p 127.0.0.1:7860:7860 -v "$PWD/work_dirs/mine:/model:ro" \
#       mmdeepfake --checkpoint /model
FROM python:3.12-slim

# OpenCV's wheel needs them.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /mmdeepfake
COPY . .
ARG TORCH_INDEX=
RUN pip install --no-cache-dir -c constraints.txt \
        ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch \
    && pip install --no-cache-dir -c constraints.txt '.[lite,prepare,web]'

RUN useradd --create-home visitor
USER visitor
WORKDIR /home/visitor
EXPOSE 7860
ENTRYPOINT ["mmdeepfake", "serve", "--host", "0.0.0.0", "--allow-host", "localhost"]
