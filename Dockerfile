# The service, and an image that agents and trainers run in.
#   docker build --target service -t registry.example.org/longhaul .
#   docker build --target worker --build-arg WORKER_BASE=nvcr.io/nvidia/pytorch:25.09-py3 -t registry.example.org/longhaul-worker .
ARG WORKER_BASE=debian:bookworm-slim

FROM eclipse-temurin:25-jdk AS build
RUN apt-get update && apt-get install -y --no-install-recommends maven nodejs npm
WORKDIR /src
COPY . .
RUN mvn -B -ntp -q -DskipTests package \
 && java -Djarmode=tools -jar orchestrator/target/orchestrator-*.jar extract --destination /app \
 && mv /app/orchestrator-*.jar /app/longhaul.jar

FROM eclipse-temurin:25-jre AS service
# The bundled PostgreSQL refuses to run as a user without a name.
RUN groupadd --gid 10001 longhaul && useradd --uid 10001 --gid 10001 --home-dir /var/lib/longhaul --create-home longhaul
COPY --from=build /app /app
COPY worker /opt/longhaul/worker
ENV LONGHAUL_WORKER=/opt/longhaul/worker LONGHAUL_HOME=/var/lib/longhaul
USER 10001:10001
EXPOSE 8787
ENTRYPOINT ["java", "-XX:MaxRAMPercentage=60", "--enable-native-access=ALL-UNNAMED", "-jar", "/app/longhaul.jar"]
CMD ["serve"]

FROM ${WORKER_BASE} AS worker
RUN command -v python3 || (apt-get update && apt-get install -y --no-install-recommends python3 python3-torch libopenblas0-pthread)
COPY worker /opt/longhaul/worker
ENV PYTHONPATH=/opt/longhaul/worker
USER 10001:10001
