package dev.tornadomoe.tornado;

import java.util.ArrayList;
import java.util.List;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;

/// What a logger says until this is closed.
public final class Logged implements AutoCloseable {
  private final List<String> sentences = new ArrayList<>();
  private final Handler handler =
      new Handler() {
        @Override
        public void publish(LogRecord entry) {
          sentences.add(new SimpleFormatter().formatMessage(entry));
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
      };
  private final Logger logger;

  public Logged(String name) {
    logger = Logger.getLogger(name);
    logger.addHandler(handler);
  }

  public List<String> sentences() {
    return sentences;
  }

  @Override
  public void close() {
    logger.removeHandler(handler);
  }
}
