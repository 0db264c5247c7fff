package dev.tornadomoe.checkpoint.safetensors;

import static dev.tornadomoe.checkpoint.safetensors.RawSafetensors.entry;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HeaderLengthTest {
  private static final byte[] SOUND =
      ("{" + entry("x", "F32", "[1]", 0, 4) + "}").getBytes(StandardCharsets.UTF_8);

  @TempDir Path directory;
  private Path file;

  @BeforeEach
  void nameTheFile() {
    file = directory.resolve("model.safetensors");
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "1, 1",
    "100000001, 100000001",
    "9223372036854775807, 9223372036854775807",
    "-1, 18446744073709551615", // lengths are unsigned
    "-9223372036854775808, 9223372036854775808"
  })
  void refusesLengthsThatNoHeaderHas(long claimed, String shown) {
    RawSafetensors.write(file, claimed, SOUND, 4);
    assertRefused("header length " + shown + " ");
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 5, 1_000_000, 99_999_000})
  void refusesHeadersThatEndBeyondTheFile(long excess) {
    long claimed = SOUND.length + 4 + excess;
    RawSafetensors.write(file, claimed, SOUND, 4);
    assertRefused(claimed + " bytes", "only " + (SOUND.length + 4));
  }

  @Test
  void refusesHeadersAboveTheLimitOfTheFormatEvenIfTheyAreThere() throws IOException {
    try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.setLength(8 + 100_000_001L);
      sparse.writeLong(Long.reverseBytes(100_000_001L));
    }
    assertRefused("100000001", "100000000");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 7})
  void refusesFilesTooShortForALength(int size) {
    RawSafetensors.write(file, new byte[size]);
    assertRefused(size + " bytes");
  }

  @Test
  void refusesAFileOfEightZeros() {
    RawSafetensors.write(file, new byte[8]);
    assertRefused("header length 0");
  }

  @Test
  void refusesAMissingFile() {
    assertRefused("no such file");
  }

  @Test
  void refusesADirectoryInPlaceOfAFile() throws IOException {
    Files.createDirectory(file);
    assertRefused("no regular file");
  }

  @Test
  void refusesTextThatIsNotUtf8() {
    byte[] header = SOUND.clone();
    header[2] = (byte) 0xFF; // the x
    RawSafetensors.write(file, header.length, header, 4);
    assertRefused("header");
  }

  /// The header says 99,999,999 bytes and 2^40 elements; a reader that believed it would allocate.
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void allocatesLittleForALie(boolean aboutTheHeader) {
    byte[] header =
        aboutTheHeader
            ? SOUND
            : ("{" + entry("x", "F32", "[1099511627776]", 0, 4398046511104L) + "}")
                .getBytes(StandardCharsets.UTF_8);
    RawSafetensors.write(file, aboutTheHeader ? 99_999_999 : header.length, header, 4);
    String shown = aboutTheHeader ? "99999999" : "4398046511104";
    assertRefused(shown); // loads the classes that refusing needs
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    assertRefused(shown);
    assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(2_000_000);
  }

  private void assertRefused(String... says) {
    assertThatThrownBy(() -> TensorFile.open(file).close())
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(file.toString())
        .hasMessageContainingAll(says);
  }
}
