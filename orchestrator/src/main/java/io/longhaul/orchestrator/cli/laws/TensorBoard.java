package io.longhaul.orchestrator.cli.laws;

import io.longhaul.orchestrator.cli.laws.Rows.BadDataException;
import io.longhaul.orchestrator.cli.validate.Csv;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import java.util.function.Predicate;
import java.util.stream.Stream;
import java.util.zip.CRC32C;

/**
 * Scalars of TensorBoard event files as the rows of a table: {@code step} and one column per tag. The format is that of
 * TensorFlow: records of length, checksum, payload and checksum (TFRecord), the payload an {@code Event} message.
 */
final class TensorBoard {
    private static final int HEADER = 12;
    private static final int CHECKSUM = 4;
    private static final int STEP = 2;
    private static final int SUMMARY = 5;
    private static final int VALUE = 1;
    private static final int TAG = 1;
    private static final int SIMPLE_VALUE = 2;
    private static final int TENSOR = 8;
    private static final int TENSOR_CONTENT = 4;
    private static final int FLOAT_VALUES = 5;

    private final Map<String, Integer> columns = new HashMap<>(Map.of("step", 0));
    private final Map<String, Long> last = new HashMap<>();
    private final TreeMap<Long, Map<String, Float>> open = new TreeMap<>();
    private final List<Map.Entry<Long, Map<String, Float>>> lines = new ArrayList<>();

    private final SortedSet<String> others = new TreeSet<>();
    private final Predicate<String> wanted;

    private TensorBoard(Predicate<String> wanted) {
        this.wanted = wanted;
    }

    /** Whether it is an event file by its name, or a directory with some. */
    static boolean at(Path path) {
        return !files(path).isEmpty();
    }

    private static List<Path> files(Path path) {
        if (Files.isRegularFile(path)) {
            return named(path) ? List.of(path) : List.of();
        }
        if (!Files.isDirectory(path)) {
            return List.of();
        }
        try (Stream<Path> inside = Files.list(path)) {
            return inside.filter(TensorBoard::named).sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + path + ": " + e.getMessage(), e);
        }
    }

    private static boolean named(Path file) {
        return file.getFileName().toString().contains("tfevents");
    }

    /**
     * All files of a directory in the order of their names, which begin with the time at which a process began.
     *
     * @param wanted tags; others may lie on another axis than steps
     */
    static List<Csv.Row> rows(Path path, Predicate<String> wanted) {
        TensorBoard board = new TensorBoard(wanted);
        for (Path file : files(path)) {
            board.read(file);
        }
        board.close();
        if (board.lines.isEmpty()) {
            throw new BadDataException(path + " has no scalar of a known name, but " + board.others);
        }
        List<Csv.Row> rows = new ArrayList<>(board.lines.size());
        for (Map.Entry<Long, Map<String, Float>> line : board.lines) {
            String[] fields = new String[board.columns.size()];
            board.columns.forEach((tag, at) -> fields[at] = Objects.toString(line.getValue().get(tag), ""));
            fields[0] = line.getKey().toString();
            rows.add(new Csv.Row(board.columns, fields));
        }
        return rows;
    }

    private void read(Path file) {
        ByteBuffer bytes;
        try {
            bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file + ": " + e.getMessage(), e);
        }
        // A trainer that was killed leaves half a record.
        while (bytes.remaining() >= HEADER) {
            int start = bytes.position();
            long length = bytes.getLong();
            if (bytes.getInt() != masked(bytes, start, Long.BYTES) || length < 0) {
                throw new BadDataException(file + ": no TensorBoard events at byte " + start);
            }
            if (bytes.remaining() < length + CHECKSUM) {
                break;
            }
            ByteBuffer event = bytes.slice(bytes.position(), (int) length).order(ByteOrder.LITTLE_ENDIAN);
            int check = masked(bytes, bytes.position(), (int) length);
            bytes.position(bytes.position() + (int) length);
            if (bytes.getInt() != check) {
                throw new BadDataException(file + ": damaged record at byte " + start);
            }
            event(event);
        }
        close();
    }

    /** A step that comes again under the same tag is of a run that was resumed: the lines so far are complete. */
    private void close() {
        open.forEach((step, values) -> lines.add(Map.entry(step, values)));
        open.clear();
        last.clear();
    }

    private void event(ByteBuffer event) {
        long[] step = {0};
        List<ByteBuffer> summaries = new ArrayList<>();
        fields(event, (field, value) -> {
            if (field == STEP) {
                step[0] = (Long) value;
            } else if (field == SUMMARY) {
                summaries.add((ByteBuffer) value);
            }
        });
        for (ByteBuffer summary : summaries) {
            fields(summary, (field, value) -> {
                if (field == VALUE) {
                    scalar(step[0], (ByteBuffer) value);
                }
            });
        }
    }

    private void scalar(long step, ByteBuffer value) {
        String[] tag = {""};
        Float[] number = {null};
        fields(value, (field, part) -> {
            switch (field) {
                case TAG -> tag[0] = StandardCharsets.UTF_8.decode((ByteBuffer) part).toString();
                case SIMPLE_VALUE -> number[0] = (Float) part;
                case TENSOR -> fields((ByteBuffer) part, (inner, content) -> {
                    boolean one = (inner == TENSOR_CONTENT || inner == FLOAT_VALUES)
                            && content instanceof ByteBuffer packed && packed.remaining() == Float.BYTES;
                    if (one) {
                        number[0] = ((ByteBuffer) content).getFloat(0);
                    } else if (inner == FLOAT_VALUES && content instanceof Float single) {
                        number[0] = single;
                    }
                });
                default -> {
                }
            }
        });
        if (number[0] == null) {
            return;
        }
        if (!wanted.test(tag[0])) {
            others.add(tag[0]);
        } else {
            if (last.getOrDefault(tag[0], -1L) >= step) {
                close();
            }
            last.put(tag[0], step);
            columns.putIfAbsent(tag[0], columns.size());
            open.computeIfAbsent(step, s -> new LinkedHashMap<>()).put(tag[0], number[0]);
        }
    }

    /** Fields of a protocol buffers message: numbers as Long, fixed ones as Float or Double, the rest as bytes. */
    private static void fields(ByteBuffer message, BiConsumer<Integer, Object> take) {
        ByteBuffer in = message.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        while (in.hasRemaining()) {
            long key = number(in);
            Object value = switch ((int) (key & 7)) {
                case 0 -> number(in);
                case 1 -> in.getDouble();
                case 2 -> {
                    int length = Math.toIntExact(number(in));
                    ByteBuffer part = in.slice(in.position(), length).order(ByteOrder.LITTLE_ENDIAN);
                    in.position(in.position() + length);
                    yield part;
                }
                case 5 -> in.getFloat();
                default -> throw new BadDataException("no protocol buffers message: wire type " + (key & 7));
            };
            take.accept((int) (key >>> 3), value);
        }
    }

    private static long number(ByteBuffer in) {
        long value = 0;
        for (int shift = 0; shift < Long.SIZE; shift += 7) {
            byte next = in.get();
            value |= (next & 0x7FL) << shift;
            if (next >= 0) {
                break;
            }
        }
        return value;
    }

    private static int masked(ByteBuffer bytes, int from, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes.array(), from, length);
        int value = (int) crc.getValue();
        return (value >>> 15 | value << 17) + 0xa282ead8;
    }
}
