package dev.tornadomoe.examples.decoder;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/// Turns Ctrl-C into an interrupt of the thread that makes it, as long as it is open: the JVM ends
/// when it is closed, so that the work in between can end with its last words.
final class CtrlC implements AutoCloseable {
  private static final int MOST_SECONDS = 10;

  private final CountDownLatch done = new CountDownLatch(1);
  private final Thread hook;

  CtrlC() {
    Thread worker = Thread.currentThread();
    hook =
        new Thread(() -> {
          worker.interrupt();
          try {
            done.await(MOST_SECONDS, TimeUnit.SECONDS);
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        });
    Runtime.getRuntime().addShutdownHook(hook);
  }

  @Override
  public void close() {
    done.countDown();
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The JVM is ending, because of Ctrl-C.
    }
  }
}
