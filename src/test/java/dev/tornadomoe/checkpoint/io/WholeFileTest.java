package dev.tornadomoe.checkpoint.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class WholeFileTest {
  @TempDir Path directory;

  @Test
  void writesText() {
    Path file = directory.resolve("report.html");
    WholeFile.writeText(file, "größe");
    assertThat(file).hasContent("größe");
    WholeFile.writeText(file, "new");
    assertThat(file).hasContent("new");
    assertThat(directory.toFile().list()).containsExactly("report.html");
  }

  @Test
  void replacesWhatALinkLeadsToAndNotTheLink() throws IOException {
    Path file = Files.writeString(directory.resolve("real"), "old");
    Path link = Files.createSymbolicLink(directory.resolve("link"), file);
    WholeFile.writeText(link, "new");
    assertThat(link).isSymbolicLink();
    assertThat(file).hasContent("new");
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void neverReplacesADevice() throws IOException {
    Path link = Files.createSymbolicLink(directory.resolve("link"), Path.of("/dev/null"));
    assertThatThrownBy(() -> WholeFile.writeText(link, "text"))
        .isInstanceOf(CheckpointException.class)
        .hasMessage(link + ": can't be written, it is there and no regular file");
    assertThat(link).isSymbolicLink();
  }

  @Test
  void refusesAnEmptyName() {
    assertThatThrownBy(() -> WholeFile.requirePlace(Path.of("")))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("empty");
  }

  @Test
  void nobodySeesHalfOfAFile() {
    Path file = directory.resolve("x");
    WholeFile.write(
        file,
        temporary -> {
          Files.writeString(temporary, "half");
          assertThat(file).doesNotExist();
          assertThat(temporary.getParent())
              .isEqualTo(directory); // one file system: the move is atomic
          Files.writeString(temporary, "whole");
        });
    assertThat(file).hasContent("whole");
  }

  @Test
  void aFailedWriteLeavesTheOldFileAndNothingElse() {
    Path file = directory.resolve("x");
    WholeFile.writeText(file, "old");
    assertThatThrownBy(() ->
            WholeFile.write(
                file,
                temporary -> {
                  Files.writeString(temporary, "half");
                  throw new IOException("disk full");
                }))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContainingAll(file.toString(), "disk full")
        .hasCauseInstanceOf(IOException.class);
    assertThat(file).hasContent("old");
    assertThat(directory.toFile().list()).containsExactly("x");
  }

  @Test
  void writersOfTheSameFileDoNotMeet() {
    Path file = directory.resolve("x");
    WholeFile.write(
        file,
        temporary -> {
          Files.writeString(temporary, "begun first, ends last");
          WholeFile.writeText(file, "in between");
          assertThat(file).hasContent("in between");
        });
    assertThat(file).hasContent("begun first, ends last");
    assertThat(directory.toFile().list()).containsExactly("x");
  }

  @Test
  void anErrorIsPassedOnAndLeavesNothing() {
    assertThatThrownBy(() ->
            WholeFile.write(
                directory.resolve("x"),
                temporary -> {
                  Files.writeString(temporary, "half");
                  throw new OutOfMemoryError("made up");
                }))
        .isInstanceOf(OutOfMemoryError.class);
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void refusesTargetsThatCannotBeFiles() throws IOException {
    Path inside = Files.createDirectory(directory.resolve("d"));
    assertThatThrownBy(() -> WholeFile.writeText(inside, ""))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContainingAll(inside.toString(), "is a directory");
    Path absent = directory.resolve("absent").resolve("x");
    assertThatThrownBy(() -> WholeFile.writeText(absent, ""))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContainingAll(absent.toString(), "no directory");
    Path file = Files.createFile(directory.resolve("f"));
    assertThatThrownBy(() -> WholeFile.writeText(file.resolve("x"), ""))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("no directory");
  }
}
