package io.longhaul.orchestrator.web;

import jakarta.servlet.FilterChain;
import jakarta.servlet.ReadListener;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletInputStream;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import org.springframework.web.filter.OncePerRequestFilter;

/** Ends the reading of a body that is too large before it fills the memory, announced or not. */
public final class BodyLimit extends OncePerRequestFilter {
    /** A RunSpec of as many characters as the reader takes, each of four bytes. */
    private static final int API_BYTES = 4 << 20;

    /** The body went over its limit. */
    static final class TooLargeException extends IOException {
        private static final long serialVersionUID = 1;

        TooLargeException(long limit) {
            super("the body is larger than " + limit + " bytes");
        }
    }

    @Override
    protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response,
            FilterChain chain)
            throws ServletException, IOException {
        int limit = request.getRequestURI().startsWith("/agent/") ? AgentController.MAX_BYTES : API_BYTES;
        boolean announced = request.getContentLengthLong() > limit;
        chain.doFilter(new HttpServletRequestWrapper(request) {
            @Override
            public ServletInputStream getInputStream() throws IOException {
                return new Limited(super.getInputStream(), limit, announced ? 0 : limit);
            }
        }, response);
    }

    private static final class Limited extends ServletInputStream {
        private final ServletInputStream in;
        private final int limit;
        private long left;

        Limited(ServletInputStream in, int limit, long left) {
            this.in = in;
            this.limit = limit;
            this.left = left;
        }

        private int counted(int bytes) throws TooLargeException {
            left -= bytes;
            if (left < 0) {
                throw new TooLargeException(limit);
            }
            return bytes;
        }

        @Override
        public int read() throws IOException {
            int next = in.read();
            counted(next < 0 ? 0 : 1);
            return next;
        }

        @Override
        public int read(byte[] buffer, int offset, int length) throws IOException {
            int read = in.read(buffer, offset, length);
            counted(Math.max(0, read));
            return read;
        }

        @Override
        public boolean isFinished() {
            return in.isFinished();
        }

        @Override
        public boolean isReady() {
            return in.isReady();
        }

        @Override
        public void setReadListener(ReadListener listener) {
            in.setReadListener(listener);
        }
    }
}
