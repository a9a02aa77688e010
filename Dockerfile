# Airflow with the pipeline: every Airflow service of docker-compose.yaml runs this image.
FROM python:3.11-slim AS airflow

# LightGBM is linked against OpenMP's runtime, which the slim image lacks.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libgomp1 curl \
 && rm -rf /var/lib/apt/lists/*

RUN useradd --uid 50000 --create-home --shell /usr/sbin/nologin nightshelf \
 && mkdir -p /opt/nightshelf /var/lib/nightshelf/airflow \
 && chown -R nightshelf /opt/nightshelf /var/lib/nightshelf

WORKDIR /opt/nightshelf
COPY requirements.txt requirements-s3.txt ./
RUN pip install --no-cache-dir --requirement requirements.txt --requirement requirements-s3.txt

COPY --chown=nightshelf pyproject.toml README.md LICENSE ./
COPY --chown=nightshelf recsys_tasks recsys_tasks
COPY --chown=nightshelf dags dags
COPY --chown=nightshelf plugins plugins
COPY --chown=nightshelf include include
RUN pip install --no-cache-dir --no-deps .

ENV AIRFLOW_HOME=/var/lib/nightshelf/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/nightshelf/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/nightshelf/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    RECSYS_HOME=/var/lib/nightshelf \
    NUMBA_CACHE_DIR=/var/lib/nightshelf/kernels \
    RECSYS_CONFIG=/opt/nightshelf/include/recsys.yaml \
    PYTHONPATH=/opt/nightshelf \
    TF_CPP_MIN_LOG_LEVEL=3 \
    OMP_WAIT_POLICY=PASSIVE

USER nightshelf
ENTRYPOINT ["airflow"]
CMD ["version"]


# MLflow's UI does not resolve beside Airflow: its own environment on the same store.
FROM python:3.11-slim AS mlflow
RUN pip install --no-cache-dir "mlflow==3.17.2" "psycopg2-binary" \
 && useradd --uid 50000 --create-home --shell /usr/sbin/nologin nightshelf
USER nightshelf
ENTRYPOINT ["mlflow"]
CMD ["--version"]
