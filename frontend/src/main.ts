/** Entry of the workspace page: reads the page's configuration and starts the editor in `#workspace`. */
export {};
